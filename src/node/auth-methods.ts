import { hash, scrypt } from 'node:crypto'

import { PeerkeepError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'

/**
 * Who may use the node over HTTP, as the config keeps it: `auth`, a list of texts, none of which holds a secret.
 *
 * - `userpass:USER:scrypt:SALT:DIGEST`: name and password (HTTP Basic), with all rights.
 * - `token:DIGEST` and `token:DIGEST:RIGHTS`: a bearer of a long random text, with all rights or some
 *   (joined by `+`). Whoever holds it is asked for no name, so it has to be unguessable, and a plain digest is enough.
 * - `none`: whoever reaches the port. For loopback only.
 *
 * An empty list is the default: programs of the same user on this machine.
 */
export type AuthMethod =
  | {
      readonly kind: 'userpass'
      readonly user: string
      readonly salt: Buffer
      readonly digest: Buffer
    }
  | { readonly kind: 'token'; readonly digest: Buffer; readonly rights: readonly Right[] }
  | { readonly kind: 'none' }

/** What a request may need: Perkeep's operations, and `all` for everything else. */
const rightNames = [
  'all',
  'discovery',
  'enumerate',
  'get',
  'remove',
  'sign',
  'stat',
  'upload',
] as const

export type Right = (typeof rightNames)[number]

/** Characters that a token has at least: 96 bits when they are random, in whatever alphabet. */
const TOKEN_LENGTH_MIN = 24

const SALT_BYTES = 16
const DIGEST_BYTES = 32

/** 32 MiB and some 60 ms for each guess: RFC 7914's form, with the cost that Node's default memory limit allows. */
const SCRYPT_COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 64 * 1024 * 1024 }

const FORMS =
  'auth is userpass:USER:PASSWORD, token:SECRET, token:SECRET:RIGHTS (such as get+stat+enumerate), localhost (programs of this user on this machine), or none (whoever is on this machine)'

/**
 * What `config set auth` takes (`userpass:USER:PASSWORD`, `token:SECRET[:RIGHTS]`, `none`), as the config keeps it. Throws
 * `BAD_CONFIG`.
 */
export async function keepAuthMethod(text: string, random: Random): Promise<string> {
  const [, kind, rest] = /^(userpass|token|none)(?::(.*))?$/s.exec(text) ?? []
  if (kind === 'none' && rest === undefined) return 'none'
  if (kind === 'userpass' && rest !== undefined) return keepPassword(rest, random)
  if (kind === 'token' && rest !== undefined) return keepToken(rest)
  throw new PeerkeepError('BAD_CONFIG', FORMS)
}

async function keepPassword(text: string, random: Random): Promise<string> {
  const [, user, password] = /^([^:\p{Cc}]+):([^\p{Cc}]+)$/u.exec(text) ?? []
  if (user === undefined || password === undefined) throw new PeerkeepError('BAD_CONFIG', FORMS)
  const salt = Buffer.from(random.bytes(SALT_BYTES))
  const digest = await digestOfPassword(password, salt)
  return `userpass:${user}:scrypt:${salt.toString('base64url')}:${digest.toString('base64url')}`
}

function keepToken(text: string): string {
  const [, secret = '', rights] = /^([\w.~+/=-]+)(?::([a-z+]+))?$/.exec(text) ?? []
  if (secret.length < TOKEN_LENGTH_MIN) {
    throw new PeerkeepError(
      'BAD_CONFIG',
      `a token is at least ${TOKEN_LENGTH_MIN} letters, digits or ._~+/=- that nobody can guess; 'openssl rand -hex 24' makes one`,
    )
  }
  const kept = `token:${digestOfToken(secret).toString('base64url')}`
  return rights === undefined ? kept : `${kept}:${readRights(rights).join('+')}`
}

function readRights(text: string): readonly Right[] {
  const rights = text.split('+')
  const isRight = (name: string): name is Right => (rightNames as readonly string[]).includes(name)
  if (rights.every(isRight)) return rights
  throw new PeerkeepError('BAD_CONFIG', `the rights of a token are ${rightNames.join(', ')}`)
}

/** Reads one entry of the config. Throws `BAD_CONFIG`. */
export function readAuthMethod(text: string): AuthMethod {
  if (text === 'none') return { kind: 'none' }
  const [, user, salt, digest] =
    /^userpass:([^:]+):scrypt:([\w-]{22}):([\w-]{43})$/.exec(text) ?? []
  if (user !== undefined && salt !== undefined && digest !== undefined) {
    return { kind: 'userpass', user, salt: fromText(salt), digest: fromText(digest) }
  }
  const [, token, rights] = /^token:([\w-]{43})(?::([a-z+]+))?$/.exec(text) ?? []
  if (token !== undefined) {
    return {
      kind: 'token',
      digest: fromText(token),
      rights: rights === undefined ? ['all'] : readRights(rights),
    }
  }
  throw new PeerkeepError(
    'BAD_CONFIG',
    "an entry of auth is not as 'peerkeep config set auth' writes it; set it again",
  )
}

function fromText(base64url: string): Buffer {
  return Buffer.from(base64url, 'base64url')
}

/** An entry of the config for people: whom it lets in, without what could be guessed at. */
export function describeAuthMethod(text: string): string {
  const method = readAuthMethod(text)
  switch (method.kind) {
    case 'none':
      return 'none'
    case 'userpass':
      return `userpass:${method.user}`
    case 'token':
      return `token:${method.digest.toString('hex', 0, 4)}…:${method.rights.join('+')}`
  }
}

/**
 * The list with one more entry. A user has one password, `none` takes all entries away, and any entry takes `none` away.
 */
export function withAuthMethod(entries: readonly string[], added: string): readonly string[] {
  if (added === 'none') return ['none']
  const method = readAuthMethod(added)
  const isReplaced = (entry: string): boolean => {
    const before = readAuthMethod(entry)
    if (before.kind === 'none') return true
    if (before.kind === 'userpass') return method.kind === 'userpass' && before.user === method.user
    return method.kind === 'token' && before.digest.equals(method.digest)
  }
  return [...entries.filter(entry => !isReplaced(entry)), added]
}

/** What is kept of a password: scrypt, in the thread pool. */
export function digestOfPassword(password: string, salt: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    scrypt(password, salt, DIGEST_BYTES, SCRYPT_COST, (error, digest) => {
      if (error) reject(error)
      else resolve(digest)
    })
  })
}

/** What is kept of a token. */
export function digestOfToken(secret: string): Buffer {
  return hash('sha256', secret, 'buffer')
}
