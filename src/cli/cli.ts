import { PeerkeepError } from '../base/errors.ts'
import type { RunOperation } from '../http/operation-routes.ts'
import type { OperationEvent } from '../node/operation.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { EXIT_PARTIAL } from './exit-code.ts'
import { openProgressBar } from './progress-bar.ts'
import { printable, type Terminal } from './terminal.ts'

/** What every command file is handed: the way to the node, and the way to the person. */
export interface Cli {
  readonly terminal: Terminal
  /** `--json`: results are printed as JSON, one value a line. */
  readonly isJson: boolean
  /** Runs an operation in the running node of this home, or in this process when none runs. */
  run(name: string, args: JsonObject, show?: ShowItem): Promise<JsonValue>
  /** Prints a result: as JSON with `--json`, else the lines that `format` makes of it. */
  print(value: JsonValue, format: (value: JsonValue) => readonly string[]): Promise<void>
}

/** Makes the lines that one item of a listing is printed as. */
type ShowItem = (item: JsonValue) => readonly string[]

export interface CliOptions {
  readonly terminal: Terminal
  readonly isJson: boolean
  readonly signal: AbortSignal
  /** Finds or opens the node at the first use. */
  readonly reachNode: () => Promise<RunOperation>
  /** Called with the exit code when an operation is done but not for everything. */
  readonly setExitCode: (code: number) => void
}

export function openCli(options: CliOptions): Cli {
  const { terminal, isJson, reachNode } = options
  const printLines = async (lines: readonly string[]): Promise<void> => {
    for (const line of lines) await terminal.print(line)
  }
  const print: Cli['print'] = async (value, format) =>
    isJson ? terminal.print(JSON.stringify(value)) : printLines(format(value))
  return {
    terminal,
    isJson,
    print,
    async run(name, args, show) {
      const runOperation = await reachNode()
      const bar = openProgressBar(terminal)
      const emit = async (event: OperationEvent): Promise<void> => {
        if (event.type === 'progress') return bar.show(event.progress)
        bar.clear()
        switch (event.type) {
          case 'item':
            return print(event.value, show ?? (value => [JSON.stringify(value)]))
          case 'bytes':
            return terminal.write(event.bytes)
          case 'note':
            return terminal.note(printable(event.text))
          case 'problem':
            options.setExitCode(EXIT_PARTIAL)
            return terminal.warn(`${printable(event.subject)}: ${printable(event.reason)}`)
        }
      }
      const confirm = async (question: string): Promise<boolean> => {
        bar.clear()
        return terminal.confirm(printable(question))
      }
      try {
        return await runOperation(name, args, { emit, confirm, signal: options.signal })
      } finally {
        bar.clear()
      }
    },
  }
}

/** A PeerkeepError for arguments that make no sense together; the command's help says what does. */
export function usageError(message: string): PeerkeepError {
  return new PeerkeepError('BAD_USAGE', message)
}
