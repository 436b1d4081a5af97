import type { JsonObject, JsonValue } from '../../base/json.ts'
import { usageError } from '../cli.ts'
import type { CommandHost } from '../command-host.ts'
import { formatDate } from '../format.ts'
import { fields, listOf, numberOf, textOf } from '../json-fields.ts'
import { printable } from '../terminal.ts'

interface SearchOptions {
  readonly limit?: string
  readonly continue?: string
  readonly sort?: string
  readonly raw?: true
  readonly named?: true
  readonly save?: string
  readonly explain?: true
}

export function defineSearch({ program, cli }: CommandHost): void {
  program
    .command('search')
    .summary('find permanodes and files by what is said of them')
    .description(
      `Prints the ref, the date, and the title or name of everything that EXPR holds of, newest first. Terms beside each
other must all hold; "or", "-" and parentheses combine them:
  tag:holiday (title:lake or title:sea) -is:portrait after:2026-03
Terms: tag: title: attr:NAME:VALUE ref: childrenof: parentof: before: after: format: type: filename: width: height:
is:image is:untagged has:location locrect:N,W,S,E at:DATE (as things were then). Without EXPR: everything.`,
    )
    .argument('[expression...]', 'the terms; quote what the shell would read')
    .option('--limit <n>', 'print at most N (200 where nothing is said)')
    .option('--continue <token>', 'go on where an answer ended')
    .option('--sort <order>', 'created, mod (with - before it: newest first) or blobref')
    .option('--raw', "EXPR is a query in Perkeep's JSON")
    .option('--named', 'EXPR is the name of a saved search')
    .option('--save <name>', 'do not search: keep EXPR under this name')
    .option('--explain', 'say where was looked, and at how much')
    .action(async (words: string[], options: SearchOptions) => {
      const text = words.join(' ')
      const io = cli()
      if (options.save !== undefined) {
        const result = await io.run('save-search', { name: options.save, expression: text })
        await io.print(result, saved => [textOf(fields(saved)['permanode'])])
        return
      }
      const result = await io.run('search', argumentsOf(text, options), foundLines)
      const of = fields(result)
      if (options.explain) io.terminal.note(explainLine(of))
      if (of['next'] !== null)
        io.terminal.note(`There may be more: --continue ${textOf(of['next'])}`)
    })
}

function argumentsOf(text: string, options: SearchOptions): JsonObject {
  const limit = options.limit === undefined ? null : Number(options.limit)
  if (limit !== null && (!Number.isSafeInteger(limit) || limit < 1))
    throw usageError(`--limit takes a whole number from 1, not ${options.limit}`)
  const page = { limit, continue: options.continue ?? null, sort: options.sort ?? null }
  if (options.raw) return { query: readJson(text), ...page }
  return options.named ? { named: text, ...page } : { expression: text, ...page }
}

function readJson(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue
  } catch {
    throw usageError('--raw takes a query in JSON, in single quotes')
  }
}

function foundLines(item: JsonValue): readonly string[] {
  const of = fields(item)
  const date = of['date'] === null ? '-' : formatDate(textOf(of['date']))
  const tags = listOf(of['tags'] ?? []).map(tag => `#${printable(textOf(tag))}`)
  const name = textOf(of['title'] ?? null) || textOf(of['name'] ?? null) || textOf(of['type'])
  return [[textOf(of['ref']), date, printable(name), ...tags].join('  ')]
}

function explainLine(of: JsonObject): string {
  return `Looked at ${numberOf(of['looked'])} in ${textOf(of['source'])}; ${numberOf(of['found'])} found.`
}
