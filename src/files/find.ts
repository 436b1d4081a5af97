import { PeerkeepError } from '../base/errors.ts'
import { displayName } from './display-name.ts'

/**
 * Whether a path is meant by a pattern with `*`, `?` and `[]`: one without `/` is held against the last name, one
 * with `/` against the whole path, where `**` stands for any folders. Every other character means itself, a name's
 * first dot too. Throws `BAD_USAGE` for a set whose ends are the wrong way round.
 */
export function namePattern(pattern: string): (path: Uint8Array) => boolean {
  const isWhole = pattern.includes('/')
  const expression = expressionOf(pattern)
  return path => {
    const text = displayName(path)
    return expression.test(isWhole ? text : text.slice(text.lastIndexOf('/') + 1))
  }
}

/** `**` between slashes, the wildcards, a set (a `]` right at its start is in it), any other character. */
const tokens = /(?<=^|\/)\*\*\/|(?<=\/)\*\*$|\*+|\?|\[([!^]?)(\]?[^\]/]*)\]|[^]/gu

function expressionOf(pattern: string): RegExp {
  try {
    return new RegExp(`^${pattern.replaceAll(tokens, expressionOfToken)}$`, 'su')
  } catch (error) {
    throw new PeerkeepError('BAD_USAGE', `${pattern} is no pattern: look at what stands in []`, {
      cause: error,
    })
  }
}

function expressionOfToken(
  token: string,
  not: string | undefined,
  set: string | undefined,
): string {
  if (token === '**/') return '(?:[^/]+/)*'
  if (token === '**') return '.+'
  if (token.startsWith('*')) return '[^/]*'
  if (token === '?') return '[^/]'
  if (set !== undefined && set !== '') {
    const members = set.replaceAll(/[\\\][^]/gu, String.raw`\$&`)
    return not === '' ? `[${members}]` : `[^/${members}]`
  }
  return token.replaceAll(/[\\^$.*+?()[\]{}|/]/gu, String.raw`\$&`)
}
