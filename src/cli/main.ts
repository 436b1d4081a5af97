import { CommanderError } from 'commander'

import { keepProcessAlive } from '../base/clock.ts'
import { isPeerkeepError, PeerkeepError } from '../base/errors.ts'
import { EXIT_USAGE, exitCodeOf } from './exit-code.ts'
import { createProgram } from './program.ts'
import { printable } from './terminal.ts'

/** Ctrl-C and SIGTERM let what runs end in order; a second one ends the process at once. */
function abortOnSignals(): AbortSignal {
  const controller = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.once(name, () => controller.abort(new PeerkeepError('ABORTED', 'stopped')))
  }
  return controller.signal
}

/** A reader that has seen enough (`| head`) ends the command without a word. */
function endQuietlyWhenStdoutCloses(): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    process.exit(error.code === 'EPIPE' ? 0 : 1)
  })
}

function reportError(error: unknown, isJson: boolean): void {
  const known = isPeerkeepError(error)
  const message = error instanceof Error ? error.message : String(error)
  if (isJson && known) {
    const { code, details } = error
    process.stdout.write(`${JSON.stringify({ error: { code, message, details } })}\n`)
  }
  if (known && error.code === 'ABORTED') return
  process.stderr.write(`peerkeep: ${message.split('\n').map(printable).join('\n')}\n`)
  if (!known && error instanceof Error) process.stderr.write(`${error.stack ?? ''}\n`)
}

async function main(): Promise<void> {
  endQuietlyWhenStdoutCloses()
  const { program, close } = createProgram(process, abortOnSignals())
  const letGo = keepProcessAlive()
  try {
    await program.parseAsync(process.argv)
  } catch (error) {
    if (error instanceof CommanderError) {
      // Commander has printed the help or what was wrong.
      process.exitCode = error.exitCode === 0 ? 0 : EXIT_USAGE
      return
    }
    reportError(error, program.opts()['json'] === true)
    process.exitCode = exitCodeOf(error)
  } finally {
    await close()
    letGo()
  }
}

await main()
