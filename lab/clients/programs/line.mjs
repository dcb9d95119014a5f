// What every program here says and hears: a JSON object a line. See ../program.py.
import { createInterface } from 'node:readline'

export const options = JSON.parse(process.argv[2])

export const say = (kind, fields = {}) =>
  process.stdout.write(JSON.stringify({ kind, ...fields }) + '\n')

export const hear = (actions) =>
  createInterface({ input: process.stdin })
    .on('line', async (line) => {
      const { action, ...fields } = JSON.parse(line)
      try {
        await actions[action](fields)
        say('done', { action })
      } catch (error) {
        say('failed', { action, error: String(error) })
      }
    })
    .on('close', () => process.exit(0))

process.on('unhandledRejection', (error) => say('error', { error: String(error) }))
