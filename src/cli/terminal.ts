import { once } from 'node:events'
import { createInterface } from 'node:readline/promises'
import type { Readable, Writable } from 'node:stream'

/**
 * The person's side of a command: results go to stdout, everything else (progress, notes, questions,
 * errors) to stderr, so that results can be piped.
 */
export interface Terminal {
  /** Prints a line of the result. */
  print(line: string): Promise<void>
  /** Writes raw content to stdout, no faster than it is read. */
  write(bytes: Uint8Array): Promise<void>
  /** Tells the person something. Nothing with `-q`. */
  note(line: string): void
  /** Tells the person something that must not be missed, also with `-q`. */
  warn(line: string): void
  /** Asks a yes-or-no question; false when stdin is no terminal. */
  confirm(question: string): Promise<boolean>
  /** True when both ends are a person's terminal. */
  readonly isInteractive: boolean
  readonly errors: Writable & { readonly isTTY?: boolean; readonly columns?: number }
  readonly isQuiet: boolean
}

interface Streams {
  readonly stdin: Readable & { readonly isTTY?: boolean }
  readonly stdout: Writable & { readonly isTTY?: boolean }
  readonly stderr: Writable & { readonly isTTY?: boolean; readonly columns?: number }
}

export function openTerminal({ stdin, stdout, stderr }: Streams, isQuiet: boolean): Terminal {
  const write = async (content: string | Uint8Array): Promise<void> => {
    if (!stdout.write(content)) await once(stdout, 'drain')
  }
  const isInteractive = stdin.isTTY === true && stderr.isTTY === true
  return {
    print: line => write(`${line}\n`),
    write,
    note: line => void (isQuiet || stderr.write(`${line}\n`)),
    warn: line => void stderr.write(`${line}\n`),
    async confirm(question) {
      if (!isInteractive) return false
      const reader = createInterface({ input: stdin, output: stderr })
      const answer = await reader.question(`${question} [y/N] `)
      reader.close()
      return /^y(es)?$/i.test(answer.trim())
    },
    isInteractive,
    errors: stderr,
    isQuiet,
  }
}

/** Text that came from blobs or peers, safe for a terminal: control characters become `\xNN`. */
export function printable(text: string): string {
  return text.replaceAll(
    // The control characters are the point: a file name must not be able to drive the terminal.
    // oxlint-disable-next-line no-control-regex
    /[\u0000-\u001f\u007f-\u009f]/g,
    character => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
  )
}
