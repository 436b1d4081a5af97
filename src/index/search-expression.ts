import {
  EXPRESSION_CHARACTERS_MAX,
  NAMED_DEPTH_MAX,
  QUERY_DEPTH_MAX,
  QUERY_TERMS_MAX,
} from './limits.ts'
import { badQuery } from './search-fields.ts'
import type { Constraint } from './search-query.ts'
import {
  type KnownNames,
  type SearchTerm,
  constraintOfTerm,
  endOfTime,
  noNames,
} from './search-terms.ts'

/**
 * Reads a search expression (PROTOCOL 13): terms beside each other must all hold, `or` stands between alternatives,
 * `-` before a term or a group turns it round, parentheses group. `and` binds tighter than `or`, said or not. Throws
 * `BAD_USAGE` with the place of what cannot be read.
 */
export function readExpression(text: string, names: KnownNames = noNames): Constraint {
  return readNested(text, { names, counted: { terms: 0 } }, 0)
}

/** What is shared by an expression and the saved searches in it. */
interface Reading {
  readonly names: KnownNames
  /** Of all of them together: what they say is asked of every permanode. */
  readonly counted: { terms: number }
}

function readNested(text: string, reading: Reading, depth: number): Constraint {
  if (text.length > EXPRESSION_CHARACTERS_MAX)
    throw badQuery(`an expression may have ${EXPRESSION_CHARACTERS_MAX} characters`)
  const visible: Constraint = { permanode: { skipHidden: true } }
  if (text.trim() === '') return visible
  const { tokens, moment } = tokensOf(text)
  if (tokens.length === 0) return atMoment(visible, moment)
  const at = { index: 0 }
  const constraint = readAlternatives(named(tokens, reading, depth), at, 0)
  const left = tokens[at.index]
  if (left) throw badQuery(`there is no opening parenthesis for the ")" at ${left.at + 1}`)
  return atMoment({ logical: { op: 'and', a: visible, b: constraint } }, moment)
}

/** Terms with what they ask for in their place: for `named:` that is what the saved search asks for. */
function named(tokens: readonly Token[], reading: Reading, depth: number): readonly Operand[] {
  return tokens.map(token =>
    token.kind === 'term'
      ? { at: token.at, kind: 'constraint', constraint: readTerm(token.term, reading, depth) }
      : token,
  )
}

function readTerm(term: SearchTerm, reading: Reading, depth: number): Constraint {
  const { predicate, values, at } = term
  const { names, counted } = reading
  const [name = ''] = values
  // A place may be several rectangles.
  counted.terms += Math.max(predicate === 'loc' ? (names.place(name)?.length ?? 0) : 0, 1)
  if (counted.terms > QUERY_TERMS_MAX)
    throw badQuery(`a search may have ${QUERY_TERMS_MAX} terms, those of saved searches included`)
  if (predicate !== 'named' || values.length !== 1) return constraintOfTerm(term, names)
  const text = names.saved(name)
  if (text === undefined)
    throw badQuery(`there is no saved search ${name.slice(0, 50)}, named at ${at + 1}`)
  if (depth >= NAMED_DEPTH_MAX)
    throw badQuery(`saved searches may name each other ${NAMED_DEPTH_MAX} deep, not deeper`)
  return readNested(text, reading, depth + 1)
}

/** What an expression names: places, and saved searches. */
export function namesIn(text: string): { readonly places: string[]; readonly saved: string[] } {
  const found = { places: new Set<string>(), saved: new Set<string>() }
  for (const token of tokensOf(text).tokens) {
    if (token.kind !== 'term') continue
    const { predicate, values } = token.term
    if (predicate === 'loc' && values[0] !== undefined) found.places.add(values[0])
    if (predicate === 'named' && values[0] !== undefined) found.saved.add(values[0])
  }
  return { places: [...found.places], saved: [...found.saved] }
}

type Operand =
  | Exclude<Token, { readonly kind: 'term' }>
  | { readonly at: number; readonly kind: 'constraint'; readonly constraint: Constraint }

type Token = { readonly at: number } & (
  | { readonly kind: '(' | ')' | '-' | 'and' | 'or' }
  | { readonly kind: 'term'; readonly term: SearchTerm }
)

/** Where the reading is. */
interface Cursor {
  index: number
}

function readAlternatives(tokens: readonly Operand[], cursor: Cursor, depth: number): Constraint {
  if (depth > QUERY_DEPTH_MAX)
    throw badQuery(`parentheses may be nested ${QUERY_DEPTH_MAX} deep, not deeper`)
  const alternatives = [readAll(tokens, cursor, depth)]
  while (tokens[cursor.index]?.kind === 'or') {
    cursor.index += 1
    alternatives.push(readAll(tokens, cursor, depth))
  }
  return joined('or', alternatives)
}

function readAll(tokens: readonly Operand[], cursor: Cursor, depth: number): Constraint {
  const all = [readOne(tokens, cursor, depth)]
  for (;;) {
    const kind = tokens[cursor.index]?.kind
    if (kind === undefined || kind === ')' || kind === 'or') return joined('and', all)
    if (kind === 'and') cursor.index += 1
    all.push(readOne(tokens, cursor, depth))
  }
}

/** A balanced tree: a long row of terms must not be a deep one. */
function joined(op: 'and' | 'or', parts: readonly Constraint[]): Constraint {
  const [first] = parts
  if (!first) throw new TypeError('nothing to join')
  if (parts.length === 1) return first
  const middle = Math.ceil(parts.length / 2)
  return {
    logical: { op, a: joined(op, parts.slice(0, middle)), b: joined(op, parts.slice(middle)) },
  }
}

function readOne(tokens: readonly Operand[], cursor: Cursor, depth: number): Constraint {
  let isNegated = false
  for (; tokens[cursor.index]?.kind === '-'; cursor.index += 1) isNegated = !isNegated
  const token = tokens[cursor.index]
  if (!token) throw badQuery('the expression ends where a term should be')
  cursor.index += 1
  const constraint = readOperand(tokens, cursor, { token, depth })
  return isNegated ? { logical: { op: 'not', a: constraint } } : constraint
}

function readOperand(
  tokens: readonly Operand[],
  cursor: Cursor,
  { token, depth }: { readonly token: Operand; readonly depth: number },
): Constraint {
  if (token.kind === 'constraint') return token.constraint
  if (token.kind !== '(') throw badQuery(`"${token.kind}" at ${token.at + 1} has no term before it`)
  const constraint = readAlternatives(tokens, cursor, depth + 1)
  if (tokens[cursor.index]?.kind !== ')')
    throw badQuery(`there is no closing parenthesis for the "(" at ${token.at + 1}`)
  cursor.index += 1
  return constraint
}

/** Operators are words only where an operator can stand, and before a blank or a parenthesis. */
const OPERATOR = /(and|or)(?=[\s(])/y
const PREDICATE = /[A-Za-z]+(?=:)/y
const BARE = /[^\s:()]+/y
const QUOTED = /"(?:[^"\\\n]|\\.)*"/y

function tokensOf(text: string): { tokens: Token[]; moment: bigint | undefined } {
  const tokens: Token[] = []
  let terms = 0
  let moment: bigint | undefined
  for (let at = 0; at < text.length;) {
    const character = text.charAt(at)
    const isBehindOperand = ['term', ')'].includes(tokens.at(-1)?.kind ?? '')
    const operator = isBehindOperand ? matchAt(OPERATOR, text, at) : undefined
    if (/\s/.test(character)) at += 1
    else if (character === '(' || character === ')' || character === '-') {
      tokens.push({ at, kind: character })
      at += 1
    } else if (operator !== undefined) {
      tokens.push({ at, kind: operator as 'and' | 'or' })
      at += operator.length
    } else {
      if (++terms > QUERY_TERMS_MAX) throw badQuery(`a search may have ${QUERY_TERMS_MAX} terms`)
      const { term, end } = termAt(text, at)
      if (term.predicate === 'at') moment = momentOf(term, moment)
      else tokens.push({ at, kind: 'term', term })
      at = end
    }
  }
  return { tokens, moment }
}

/** `at:` stands once, anywhere, for all of an expression. */
function momentOf({ values, at }: SearchTerm, moment: bigint | undefined): bigint {
  if (moment !== undefined || values.length !== 1)
    throw badQuery(`"at:" at ${at + 1} is written once, at:2026-03-04`)
  return endOfTime(values[0] ?? '')
}

/** The same constraint, of things as they were then. */
function atMoment(constraint: Constraint, at: bigint | undefined): Constraint {
  if (at === undefined) return constraint
  const { logical, permanode } = constraint
  const { relation, valueInSet } = permanode ?? {}
  return {
    ...constraint,
    logical: logical && {
      ...logical,
      a: atMoment(logical.a, at),
      b: logical.b && atMoment(logical.b, at),
    },
    permanode: permanode && {
      ...permanode,
      at,
      relation: relation && { ...relation, constraint: atMoment(relation.constraint, at) },
      valueInSet: valueInSet && atMoment(valueInSet, at),
    },
  }
}

function matchAt(pattern: RegExp, text: string, at: number): string | undefined {
  pattern.lastIndex = at
  return pattern.exec(text)?.[0]
}

function termAt(text: string, start: number): { term: SearchTerm; end: number } {
  const predicate = matchAt(PREDICATE, text, start)
  if (predicate === undefined) {
    const word = matchAt(QUOTED, text, start) ?? matchAt(BARE, text, start) ?? text.charAt(start)
    throw badQuery(
      `"${word.slice(0, 50)}" at ${start + 1} does not say where to look; try title:${word.slice(0, 50)}`,
    )
  }
  const values: string[] = []
  let at = start + predicate.length
  while (text.charAt(at) === ':') {
    at += 1
    const quoted = text.charAt(at) === '"' ? matchAt(QUOTED, text, at) : undefined
    if (text.charAt(at) === '"' && quoted === undefined)
      throw badQuery(`the quoted text at ${at + 1} has no end`)
    const bare = quoted === undefined ? (matchAt(BARE, text, at) ?? '') : ''
    values.push(quoted === undefined ? bare : unquoted(quoted, at))
    at += (quoted ?? bare).length
  }
  return { term: { predicate, values, at: start }, end: at }
}

/** Go's escapes that JSON has too, and `\\'`, `\\a`, `\\v`, `\\xNN`. */
function unquoted(quoted: string, at: number): string {
  const json = quoted
    .replaceAll(/\\(?:x([0-9a-fA-F]{2})|(.))/g, (all, hex: string | undefined, one: string) => {
      if (hex !== undefined) return `\\u00${hex}`
      return one === 'a' ? '\\u0007' : one === 'v' ? '\\u000b' : one === "'" ? "'" : all
    })
    .replaceAll('\t', '\\t')
  try {
    return (JSON.parse(json) as string).toWellFormed()
  } catch {
    throw badQuery(`the quoted text at ${at + 1} has an escape that is none`)
  }
}
