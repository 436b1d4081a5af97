import type { Clock } from '../base/clock.ts'
import { asError, PeerkeepError } from '../base/errors.ts'
import { openListeners } from '../base/listeners.ts'
import type { Log } from '../base/log.ts'
import type { Random } from '../base/random.ts'
import type { KeyId } from '../schema/signer.ts'
import { type ComparedSets, openComparedSets, type TrieStore } from './compared-sets.ts'
import { openFlights } from './flights.ts'
import { sayHello } from './hello.ts'
import { openIntroductions } from './introductions.ts'
import { NOTICE_PAUSE_MS, RUNS_PER_DEVICE_MAX } from './limits.ts'
import type { Hello, Message } from './messages.ts'
import { isRelayed } from './relayed.ts'
import { openRivals, type Rivals } from './rivals.ts'
import { runSession, type Session, type SessionLine, type SessionState } from './session.ts'
import type { Membership, ReplicaSource } from './source.ts'
import type { SyncRole } from './sync-state.ts'

/** This device among the owner's, whatever its lines run on: keeps itself equal with all that are connected. */
export interface Replica extends AsyncDisposable {
  /** Says hello on a new line and keeps the two equal until it ends. Rejects when it never comes to that. */
  attach(line: SessionLine, keyId: KeyId, role: SyncRole): Promise<void>
  sessions(): readonly Session[]
  /** What was last known of a device that was connected since the start. */
  lastState(keyId: KeyId): SessionState | undefined
  /** Sends a claim that was just signed here to all that are connected. */
  push(bytes: Uint8Array): void
  /** Looks for what is wanted at all that are connected. */
  want(): void
  /** Run ids of other nodes with this device's key, which others have told of. */
  rivals(): readonly string[]
  onChange(listener: () => void): () => void
  close(): Promise<void>
}

/** The secret that the owner's devices share, and the one that they should. */
export interface GroupSecrets {
  readonly secret: () => Uint8Array
  /** Tells secrets apart. */
  check(secret: Uint8Array): string
  /** The check of the secret that the owner's claims name; undefined while there was no revocation. */
  wanted(): Promise<string | undefined>
  /** Keeps another secret, for good. */
  keep(secret: Uint8Array): Promise<void>
  /** Calls back when another secret is kept; returns what stops it. */
  onChange(listener: () => void): () => void
}

export interface ReplicaOptions {
  readonly source: ReplicaSource
  readonly membership: Membership
  readonly secrets: GroupSecrets
  readonly ownerId: string
  readonly tries: TrieStore
  readonly clock: Clock
  readonly random: Random
  readonly log: Log
  /** Where this device listens. */
  readonly addresses: () => readonly string[]
  /** Called when there may be a better address to call a device at. */
  readonly onHeard?: () => void
}

// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export function openReplica(options: ReplicaOptions): Replica {
  const { source, membership, secrets, clock, log } = options
  const sessions = new Set<Session>()
  const listeners = openListeners()
  const lastStates = new Map<KeyId, SessionState>()
  const flights = openFlights()
  const runId = Buffer.from(options.random.bytes(8)).toString('hex')
  const rivals: Rivals = openRivals({ runId, sessions, log, onChange: listeners.tell })
  const introductions = openIntroductions({
    membership,
    sessions,
    clock,
    onNews: () => options.onHeard?.(),
  })
  let sets = openSets()
  let isClosed = false

  function openSets(): ComparedSets {
    const groupSecret = secrets.secret()
    return openComparedSets({
      source,
      groupSecret,
      ownerId: options.ownerId,
      store: options.tries,
    })
  }

  function hello(): Hello {
    const keyCheck = sets.keyCheck
    const addresses = options.addresses()
    const time = clock.now()
    return { kind: 'hello', name: membership.name(), addresses, runId, time, keyCheck }
  }

  async function onMessage(session: Session, message: Message): Promise<void> {
    if (message.kind === 'rival') return rivals.heard(session, message.runId)
    if (message.kind === 'whereabouts') return introductions.heard(message)
    if (message.kind === 'askSecret') {
      const secret = secrets.secret()
      if (membership.isMember(session.keyId) && secrets.check(secret) === message.check)
        session.send({ kind: 'secret', secret })
      return
    }
    if (message.kind !== 'secret') return
    const wanted = await secrets.wanted()
    if (wanted !== secrets.check(message.secret)) return
    if (wanted !== secrets.check(secrets.secret())) await secrets.keep(message.secret)
  }

  /** Asks the connected devices for the secret that the claims name, when it is another one than this device's. */
  async function askSecrets(): Promise<void> {
    const check = await secrets.wanted()
    if (check === undefined || check === secrets.check(secrets.secret())) return
    for (const session of sessions) session.send({ kind: 'askSecret', check })
  }
  const askQuietly = (): void =>
    void askSecrets().catch((error: unknown) =>
      log.warn('group secret not asked for', { reason: String(error) }),
    )

  /** Another secret means other tries: all lines begin anew with it. */
  async function takeUpSecret(): Promise<void> {
    const before = sets
    sets = openSets()
    for (const session of sessions)
      session.close(new PeerkeepError('ABORTED', 'the group secret was replaced'))
    await before.close()
  }

  async function attach(line: SessionLine, keyId: KeyId, role: SyncRole): Promise<void> {
    const own = hello()
    const theirs = await sayHello(line.control, own, clock)
    if (isClosed || !membership.isMember(keyId) || own.keyCheck !== sets.keyCheck) {
      throw new PeerkeepError('PEER_UNREACHABLE', 'this device is closing the line')
    }
    if (theirs.runId === runId) throw new PeerkeepError('BAD_FRAME', 'this device called itself')
    makeWay(keyId, theirs.runId)
    const session: Session = runSession(
      line,
      { keyId, role, own, theirs },
      {
        source,
        sets,
        flights,
        clock,
        log,
        onChange: () => noteState(session),
        onData() {
          for (const other of sessions) if (other !== session) other.noticeData()
        },
        onMessage: message =>
          void onMessage(session, message).catch((error: unknown) => session.close(asError(error))),
      },
    )
    sessions.add(session)
    log.info('peer connected', { peer: keyId, name: theirs.name, path: line.path })
    rivals.joined(session)
    void membership
      .remember(keyId, theirs.addresses)
      .then(async () => {
        if (isRelayed(line.path)) options.onHeard?.()
        await introductions.introduce(session)
      })
      .catch(() => undefined)
    askQuietly()
    listeners.tell()
    const error = await session.ended
    noteState(session)
    sessions.delete(session)
    log.info('peer away', { peer: keyId, reason: error?.message })
    listeners.tell()
  }

  /** A node that comes again has given its line up; of many with one key the oldest goes. */
  function makeWay(keyId: KeyId, theirRun: string): void {
    const known = [...sessions].filter(session => session.keyId === keyId)
    const same = known.filter(session => session.hello.runId === theirRun)
    const others = known.filter(session => session.hello.runId !== theirRun)
    const surplus = others.slice(0, Math.max(0, others.length + 1 - RUNS_PER_DEVICE_MAX))
    for (const session of [...same, ...surplus])
      session.close(new PeerkeepError('PEER_UNREACHABLE', 'the device has another line now'))
  }

  function noteState(session: Session): void {
    const state = session.state()
    const before = lastStates.get(session.keyId)
    lastStates.set(session.keyId, {
      ...state,
      lastInSync: state.lastInSync ?? before?.lastInSync,
    })
    listeners.tell()
  }

  const stopWatching = membership.onChange(() => {
    for (const session of sessions) {
      if (!membership.isMember(session.keyId))
        session.close(new PeerkeepError('PEER_REFUSED', 'no device of this owner any more'))
    }
    askQuietly()
  })
  /** The claim that names another secret may come long after the one that revokes. */
  let stopAsking: (() => void) | undefined
  const stopClaims = source.onMembers(changes => {
    if (stopAsking || !changes.some(({ set }) => set === 'claims')) return
    stopAsking = clock.after(NOTICE_PAUSE_MS, () => {
      stopAsking = undefined
      askQuietly()
    })
  })
  const stopSecrets = secrets.onChange(() => void takeUpSecret().catch(() => undefined))

  async function close(): Promise<void> {
    isClosed = true
    stopWatching()
    introductions.stop()
    stopClaims()
    stopAsking?.()
    stopSecrets()
    const ending = [...sessions].map(session => session.ended)
    for (const session of sessions) session.close()
    await Promise.all(ending)
    await sets.close()
  }
  let closing: Promise<void> | undefined
  const closeOnce = (): Promise<void> => (closing ??= close())
  return {
    attach,
    sessions: () => [...sessions],
    lastState: keyId => lastStates.get(keyId),
    push: bytes => sessions.forEach(session => session.push(bytes)),
    want: () => sessions.forEach(session => session.want()),
    rivals: () => rivals.known(),
    onChange: listeners.add,
    close: closeOnce,
    [Symbol.asyncDispose]: closeOnce,
  }
}
