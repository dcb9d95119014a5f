// Baileys as its own README uses it: a new socket after each close, unless it was logged out.
import * as wa from 'baileys'
import { hear, options, say } from './line.mjs'

wa.WA_CERT_DETAILS.PUBLIC_KEY = Buffer.from(options.noise_root, 'hex')
const silent = { level: 'silent', child: () => silent }
for (const level of ['trace', 'debug', 'info', 'warn', 'error', 'fatal']) silent[level] = () => {}

let socket
let asked = false

async function connect() {
  const { state, saveCreds } = await wa.useMultiFileAuthState(options.directory)
  socket = wa.makeWASocket({
    auth: state,
    logger: silent,
    waWebSocketUrl: options.ws,
    keepAliveIntervalMs: options.keepalive * 1000,
  })
  socket.ev.on('creds.update', saveCreds)
  socket.ev.on('connection.update', async ({ connection, lastDisconnect, qr, isNewLogin }) => {
    if (qr && options.pair_code && !asked) {
      asked = true
      say('code', { code: await socket.requestPairingCode(options.pair_code) })
    } else if (qr && !options.pair_code) say('qr', { payload: qr })
    if (isNewLogin) say('paired')
    if (connection === 'open') say('open')
    if (connection === 'close') {
      const code = lastDisconnect?.error?.output?.statusCode
      say('closed', { reason: String(code) })
      if (code === wa.DisconnectReason.loggedOut) say('ended', { reason: 'logged out' })
      else await connect()
    }
  })
  socket.ev.on('messages.upsert', ({ messages }) => {
    for (const { key, message } of messages) {
      const text = message?.conversation ?? message?.extendedTextMessage?.text
      if (text) say('message', { text, chat: key.remoteJid })
    }
  })
}

hear({
  send: ({ to, text }) => socket.sendMessage(to, { text }),
})
await connect()
