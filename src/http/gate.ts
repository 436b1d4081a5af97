import { createHmac, timingSafeEqual } from 'node:crypto'
import type { IncomingMessage } from 'node:http'
import type { Socket } from 'node:net'

import { openBudget } from '../base/budget.ts'
import { type Clock, delay } from '../base/clock.ts'
import { PeerkeepError } from '../base/errors.ts'
import type { Random } from '../base/random.ts'
import {
  type AuthMethod,
  digestOfPassword,
  digestOfToken,
  type Right,
} from '../node/auth-methods.ts'
import {
  KNOWN_CREDENTIALS_MAX,
  PASSWORD_CHECKS_MAX,
  PASSWORD_CHECKS_WAITING_MAX,
  REFUSAL_DELAY_MS,
} from './limits.ts'
import type { Route } from './server.ts'

/** Decides who may do what over TCP. */
export interface Gate {
  /** True when nothing was configured: who is let in then is of this machine. */
  readonly isOpen: boolean
  /** A token with all rights, good as long as this process: for the page and for Perkeep's own web clients. */
  readonly authToken: string
  /**
   * What whoever sent the request may do. Rejects with `UNAUTHORIZED` (after a delay, where something was guessed),
   * or with `BUSY` when as many passwords are looked at as may be.
   */
  rightsOf(request: IncomingMessage): Promise<ReadonlySet<Right>>
  /** Holds the answer to a refused request back. Rejects when the signal aborts. */
  hold(ms: number, signal: AbortSignal): Promise<void>
  /** The route for those only who have all of `needed`; others get 401, or 403 for a token with fewer rights. */
  guard(needed: Right, route: Route): Route
}

interface GateParts {
  readonly methods: readonly AuthMethod[]
  readonly clock: Clock
  readonly random: Random
  /** Whether the program at the other end of a loopback connection runs as this process's user. */
  readonly isSameUser: (socket: Socket) => Promise<boolean>
}

const everything: ReadonlySet<Right> = new Set<Right>(['all'])

export function openGate({ methods, clock, random, isSameUser }: GateParts): Gate {
  const authToken = Buffer.from(random.bytes(20)).toString('hex')
  const tokens = [
    { digest: digestOfToken(authToken), rights: everything },
    ...methods.flatMap(method =>
      method.kind === 'token' ? { digest: method.digest, rights: new Set(method.rights) } : [],
    ),
  ]
  const passwords = openPasswords(methods, random)
  const isNone = methods.some(({ kind }) => kind === 'none')
  const isOpen = isNone || methods.length === 0
  const sameUser = new WeakMap<Socket, Promise<boolean>>()

  async function isLocalUser(request: IncomingMessage): Promise<boolean> {
    if (!isOpen || isForwarded(request)) return false
    if (isNone) return true
    const { socket } = request
    const known = sameUser.get(socket) ?? isSameUser(socket).catch(() => false)
    sameUser.set(socket, known)
    return known
  }

  async function rightsOf(request: IncomingMessage): Promise<ReadonlySet<Right>> {
    const header = request.headers.authorization
    const [, scheme = '', secret = ''] = /^(\S+)\s+(\S+)$/.exec(header ?? '') ?? []
    const rights =
      scheme.toLowerCase() === 'basic'
        ? await passwords.rightsOf(secret)
        : rightsOfToken(tokens, secret)
    if (rights) return rights
    if (await isLocalUser(request)) return everything
    // Every guess costs the same time, and nothing else.
    if (header !== undefined) await delay(clock, REFUSAL_DELAY_MS)
    throw new PeerkeepError('UNAUTHORIZED', unauthorizedText(isOpen))
  }

  return {
    isOpen,
    authToken,
    rightsOf,
    hold: (ms, signal) => delay(clock, ms, signal),
    guard: (needed, route) => async (request, response) => {
      requireOwnOrigin(request, isOpen)
      const rights = await rightsOf(request)
      if (!rights.has('all') && !rights.has(needed)) {
        throw new PeerkeepError('REFUSED', `this token has no right to ${needed}`)
      }
      await route(request, response)
    },
  }
}

function unauthorizedText(isOpen: boolean): string {
  return isOpen
    ? "only programs of the node's own user are let in here; 'peerkeep config set auth userpass:USER:PASSWORD' and a new start let in whoever has the password"
    : 'a name and password, or a token, is needed'
}

/** All are compared, each in constant time: how long it takes tells nothing of any. */
function rightsOfToken(
  tokens: readonly { readonly digest: Buffer; readonly rights: ReadonlySet<Right> }[],
  secret: string,
): ReadonlySet<Right> | undefined {
  const digest = digestOfToken(secret)
  const right = tokens.filter(token => timingSafeEqual(token.digest, digest))
  return right[0]?.rights
}

/** Behind a proxy everybody's connection is the proxy's. */
function isForwarded({ headers }: IncomingMessage): boolean {
  return ['forwarded', 'via', 'x-forwarded-for', 'x-forwarded-host', 'x-real-ip'].some(
    name => headers[name] !== undefined,
  )
}

/**
 * A page elsewhere must not use what a browser knows of this server: not under another name for it (DNS rebinding;
 * without a password nothing else would keep it out), nor from its own origin.
 */
export function requireOwnOrigin({ headers, socket }: IncomingMessage, isOpen: boolean): void {
  const { host = '', origin } = headers
  const scheme = 'encrypted' in socket ? 'https' : 'http'
  const isOwnName = !isOpen || /^(localhost|127\.0\.0\.1|\[::1\])(:\d+)?$/i.test(host)
  const isOwnPage = origin === undefined || origin === `${scheme}://${host}`
  const isEmbedded =
    headers['sec-fetch-site'] === 'cross-site' && headers['sec-fetch-mode'] !== 'navigate'
  if (isOwnName && isOwnPage && !isEmbedded) return
  throw new PeerkeepError(
    'REFUSED',
    isOwnName
      ? 'a page of another origin may not ask this server'
      : 'without a password this server answers only to its own name on this machine, such as 127.0.0.1',
  )
}

interface Passwords {
  /** `credentials` is what stands in the header: base64 of `USER:PASSWORD`. */
  rightsOf(credentials: string): Promise<ReadonlySet<Right> | undefined>
}

function openPasswords(methods: readonly AuthMethod[], random: Random): Passwords {
  const users = new Map(
    methods.flatMap(method => (method.kind === 'userpass' ? [[method.user, method]] : [])),
  )
  // A name that nobody has is looked at as long as any other.
  const nobody = { salt: Buffer.from(random.bytes(16)), digest: Buffer.from(random.bytes(32)) }
  const key = random.bytes(32)
  const known = new Map<string, true>()
  const turns = openBudget(PASSWORD_CHECKS_MAX)
  let waiting = 0

  async function checkInTurn(credentials: string): Promise<boolean> {
    if (waiting >= PASSWORD_CHECKS_WAITING_MAX)
      throw new PeerkeepError('BUSY', 'too many passwords are tried at a time; try again')
    waiting += 1
    const giveBack = await turns.take(1)
    try {
      return await check(credentials)
    } finally {
      waiting -= 1
      giveBack()
    }
  }

  async function check(credentials: string): Promise<boolean> {
    const [, name = '', password = ''] =
      /^([^:]*):(.*)$/s.exec(Buffer.from(credentials, 'base64').toString('utf8')) ?? []
    const user = users.get(name)
    const { salt, digest } = user ?? nobody
    const isRight = timingSafeEqual(await digestOfPassword(password, salt), digest)
    return isRight && user !== undefined
  }

  return {
    async rightsOf(credentials) {
      if (users.size === 0) return undefined
      const id = createHmac('sha256', key).update(credentials).digest('base64')
      if (known.has(id)) return everything
      if (!(await checkInTurn(credentials))) return undefined
      if (known.size >= KNOWN_CREDENTIALS_MAX) known.clear()
      known.set(id, true)
      return everything
    },
  }
}
