// zapo-js as its README uses it; it connects again by itself, and keeps what it knows in memory.
import WebSocket from 'ws'
import * as zapo from 'zapo-js'
import { hear, options, say } from './line.mjs'

globalThis.WebSocket ??= WebSocket // Node 20 has none
const silent = { level: 'error', child: () => silent }
for (const level of ['trace', 'debug', 'info', 'warn', 'error']) silent[level] = () => {}

const accounts = new Map()
const memory = {
  stores: {
    auth: (name) => ({
      load: async () => accounts.get(name) ?? null,
      save: async (credentials) => void accounts.set(name, credentials),
      clear: async () => void accounts.delete(name),
    }),
  },
}

const client = new zapo.WaClient(
  {
    store: zapo.createStore({ backends: { kept: memory }, providers: { auth: 'kept' } }),
    sessionId: 'lab',
    chatSocketUrls: [options.ws],
    keepAliveIntervalMs: options.keepalive * 1000,
    deadSocketTimeoutMs: options.keepalive * 3000,
    testHooks: {
      noiseRootCa: { publicKey: Buffer.from(options.noise_root, 'hex'), serial: 0 },
    },
  },
  silent,
)
let asked = false
client.on('auth_qr', async ({ qr }) => {
  if (!options.pair_code) say('qr', { payload: qr })
  else if (!asked) {
    asked = true
    say('code', { code: await client.requestPairingCode(options.pair_code) })
  }
})
client.on('auth_paired', () => say('paired'))
client.on('connection', (event) => {
  if (event.status === 'open') say('open')
  else if (event.status === 'close') {
    say('closed', { reason: `${event.reason}` })
    if (event.isLogout) say('ended', { reason: 'logged out' })
  }
})
client.on('message', (event) => {
  const text = event.message?.conversation ?? event.message?.extendedTextMessage?.text
  if (text) say('message', { text, chat: event.chatJid })
})

hear({
  send: ({ to, text }) => client.sendMessage(to, text),
})
await client.connect()
