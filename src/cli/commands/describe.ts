import type { JsonValue } from '../../base/json.ts'
import { fields, listOf, textOf } from '../json-fields.ts'
import type { CommandHost } from '../command-host.ts'
import { printable } from '../terminal.ts'

export function defineDescribe({ program, cli }: CommandHost): void {
  program
    .command('describe')
    .summary('say what a ref is')
    .description(
      `Says what REF names: of a permanode its attributes and claims, of a file its name, size, type and
facts, of a directory its entries' number, of a claim what it says and who signed it.`,
    )
    .argument('<ref>', 'any ref')
    .option('--at <date>', 'as it was then (2026-03-04, or with T12:00:00Z)')
    .action(async (ref: string, options: { at?: string }) => {
      const io = cli()
      await io.print(await io.run('describe', { ref, at: options.at ?? null }), describeLines)
    })
}

/** Keys and values, nested ones indented, as lines. */
export function describeLines(value: JsonValue, indent = ''): readonly string[] {
  return Object.entries(fields(value)).flatMap(([key, field]) => {
    if (field === null) return []
    if (Array.isArray(field)) {
      const items = listOf(field)
      if (items.every(item => typeof item !== 'object')) {
        return items.map(item => `${indent}${key}: ${printable(String(item))}`)
      }
      if (items.length === 0) return []
      return [`${indent}${key}:`, ...items.flatMap(item => describeLines(item, `${indent}  `))]
    }
    if (typeof field === 'object') {
      return [`${indent}${key}:`, ...describeLines(field, `${indent}  `)]
    }
    return [`${indent}${key}: ${printable(textOf(field) || String(field))}`]
  })
}
