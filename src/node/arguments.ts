import { PeerkeepError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { Node } from './node.ts'

/** Reads one argument of an operation, once, at its door; what is of another type is `BAD_USAGE`. */

export function textArgument(args: JsonObject, name: string): string {
  const text = optionalText(args, name)
  if (text === undefined) throw new PeerkeepError('BAD_USAGE', `${name} is needed`)
  return text
}

export function optionalText(args: JsonObject, name: string): string | undefined {
  return optional(args, name, 'a text', value => typeof value === 'string') as string | undefined
}

export function optionalNumber(args: JsonObject, name: string): number | undefined {
  const isCount = (value: JsonValue): boolean => Number.isSafeInteger(value) && Number(value) >= 0
  return optional(args, name, 'a whole number of at least 0', isCount) as number | undefined
}

export function flagArgument(args: JsonObject, name: string): boolean {
  return optional(args, name, 'true or false', value => typeof value === 'boolean') === true
}

export function textsArgument(args: JsonObject, name: string): readonly string[] {
  const isTexts = (value: JsonValue): boolean =>
    Array.isArray(value) && value.every(item => typeof item === 'string')
  return (optional(args, name, 'a list of texts', isTexts) ?? []) as readonly string[]
}

function optional(
  args: JsonObject,
  name: string,
  what: string,
  accepts: (value: JsonValue) => boolean,
): JsonValue | undefined {
  const value = Object.hasOwn(args, name) ? args[name] : undefined
  if (value === undefined || value === null) return undefined
  if (!accepts(value)) throw new PeerkeepError('BAD_USAGE', `${name} must be ${what}`)
  return value
}

/** The node as an operation signs with it: `force` signs whatever the clock. */
export function signingNode(node: Node, args: JsonObject): Node {
  if (!flagArgument(args, 'force')) return node
  return Object.create(node, { claims: { value: node.claims.despiteClock } }) as Node
}
