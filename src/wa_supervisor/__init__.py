"""Keeps one WhatsApp Web session alive and tells the truth about it."""
