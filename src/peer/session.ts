import type { Clock } from '../base/clock.ts'
import { asError, PeerkeepError } from '../base/errors.ts'
import type { Log } from '../base/log.ts'
import type { KeyId } from '../schema/signer.ts'
import { openBlobLines } from './blob-lines.ts'
import type { ComparedSets } from './compared-sets.ts'
import { type Fetcher, openFetcher } from './fetcher.ts'
import type { Flights } from './flights.ts'
import type { FramedStream } from './framed-stream.ts'
import {
  COMPARE_WAITING_MAX,
  NOTICE_PAUSE_MS,
  PING_MS,
  PUSHED_MAX,
  RATE_MS,
  SILENCE_MAX_MS,
} from './limits.ts'
import {
  decodeMessage,
  encodeMessage,
  fitsPush,
  type Hello,
  type Message,
  type SetName,
  setNames,
} from './messages.ts'
import { openPeerClock, type PeerClock } from './peer-clock.ts'
import type { ReplicaSource } from './source.ts'
import {
  beginSync,
  continueSync,
  type SetViews,
  type SyncEvent,
  type SyncRole,
} from './sync-state.ts'

/** The line to one connected device: the two keep their sets equal, and get from each other what they want. */
export interface Session {
  readonly keyId: KeyId
  readonly hello: Hello
  /** Where the other device is, as a multiaddr. */
  readonly path: string
  /** Goes on when the session is over. */
  readonly clock: PeerClock
  state(): SessionState
  /** Sends a claim that was just signed here. */
  push(bytes: Uint8Array): void
  /** Looks for what is wanted. */
  want(): void
  /** Says that there is data here that was not. */
  noticeData(): void
  send(message: Message): void
  /** Resolves when the session is over: with undefined after an orderly end, else with why. */
  readonly ended: Promise<Error | undefined>
  close(error?: Error): void
}

export interface SessionState {
  /** When both sets were found equal and nothing was wanted of this device, in milliseconds since 1970. */
  readonly lastInSync: number | undefined
  /** Blobs that are known to be there and are not here yet. */
  readonly behind: number
  readonly bytesReceived: number
  readonly bytesPerSecond: number
  readonly paused: string | undefined
}

/** What a session runs on: a stream for words, and one or more for blobs that this side asks for. */
export interface SessionLine {
  readonly control: FramedStream
  readonly blobs: readonly FramedStream[]
  readonly path: string
}

export interface SessionParts {
  readonly source: ReplicaSource
  readonly sets: ComparedSets
  readonly flights: Flights
  readonly clock: Clock
  readonly log: Log
  /** Called when the session's numbers have changed. */
  readonly onChange: () => void
  /** Called when data came from the other device. */
  readonly onData: () => void
  /** Answers what is no matter of a session: `rival`, `askSecret`, `secret`, `whereabouts`. */
  readonly onMessage: (message: Message) => void
}

export interface SessionPeer {
  readonly keyId: KeyId
  readonly role: SyncRole
  readonly own: Hello
  readonly theirs: Hello
}

/** Keeps two devices equal that have said hello. */
// oxlint-disable-next-line max-lines-per-function -- one state, and the steps that share it
export function runSession(line: SessionLine, peer: SessionPeer, parts: SessionParts): Session {
  const { source, sets, clock, log } = parts
  const { keyId } = peer
  const { promise: ended, resolve: resolveEnded } = Promise.withResolvers<Error | undefined>()
  const closers: (() => void)[] = []
  const pushed = new Set<Promise<void>>()
  let stopWatch: () => void = () => undefined
  let stopNotice: () => void = () => undefined
  const comparing: Extract<SyncEvent, { kind: 'compare' }>[] = []
  const stale = new Set<SetName>()
  const rate = openRate(clock)
  const theirClock = openPeerClock(clock, peer.theirs.time)
  let isOver = false
  let isComparing = false
  let state = beginSync(peer.role)
  let views: SetViews | undefined
  let lastInSync: number | undefined
  let bytesReceived = 0
  let heardAt = clock.monotonic()
  let spokeAt = heardAt

  function close(error?: Error): void {
    if (isOver) return
    isOver = true
    for (const closer of [stopWatch, stopNotice, ...closers]) closer()
    fetcher.stop()
    blobLine.close(error)
    if (error) line.control.abort(error)
    else void line.control.close().catch(() => undefined)
    resolveEnded(error)
  }
  const fail = (error: unknown): void => close(asError(error))

  const blobLine = openBlobLines(line.blobs, {
    clock,
    onBytes(bytes) {
      bytesReceived += bytes
      heardAt = clock.monotonic()
      rate.add(bytes)
    },
  })
  const fetcher: Fetcher = openFetcher({
    ...parts,
    line: blobLine,
    peer: keyId,
    has: (set, ref) => views?.[set].has(ref) ?? false,
    onData() {
      noteSync()
      parts.onData()
    },
    onRoom() {
      for (const set of setNames) happen({ kind: 'changed', set })
      fetcher.look(true)
    },
    onFailure: fail,
  })

  function send(message: Message): void {
    spokeAt = clock.monotonic()
    line.control.send(encodeMessage(message)).catch(fail)
  }

  /** Runs the event through the state, and does what follows. */
  function happen(event: SyncEvent): void {
    if (!views || isOver) return
    try {
      const step = continueSync(state, views, event)
      ;({ state } = step)
      for (const action of step.actions) {
        switch (action.kind) {
          case 'send':
            send(action.message)
            break
          case 'lack':
            fetcher.lack(action.set, action.refs)
            break
          case 'fetch':
            void fetchAll(action.set)
            break
          case 'compared':
            noteCompared(action.set)
            break
        }
      }
    } catch (error) {
      fail(error)
    }
  }

  async function fetchAll(set: SetName): Promise<void> {
    try {
      const before = fetcher.refused
      await fetcher.fetched(set)
      const blobs = fetcher.refused - before
      if (blobs > 0) log.warn('peer has what may not be stored', { peer: keyId, blobs })
      happen({ kind: 'fetched', set })
      fetcher.look(false)
      parts.onChange()
    } catch (error) {
      fail(error)
    }
  }

  function noteCompared(set: SetName): void {
    if (set === 'schema') fetcher.look(false)
    noteSync()
  }

  function noteSync(): void {
    const isEqual = setNames.every(set => state.sets[set].isEqual === true && !stale.has(set))
    if (isEqual && fetcher.pending.data === 0) lastInSync = clock.now()
    parts.onChange()
  }

  /** Comparisons wait while too much is lacked; nothing else does. */
  async function compareAll(): Promise<void> {
    for (let next = comparing.shift(); next && !isOver; next = comparing.shift()) {
      await fetcher.room()
      happen(next)
    }
    isComparing = false
  }

  async function handle(message: Message): Promise<void> {
    switch (message.kind) {
      case 'compare':
        if (comparing.push(message) > COMPARE_WAITING_MAX)
          throw new PeerkeepError('BAD_FRAME', 'the other device compares without waiting')
        if (isComparing) return
        isComparing = true
        compareAll().catch(fail)
        return
      case 'changed':
        if (message.set === 'data') return fetcher.look(message.isNew)
        return happen({ kind: 'peerChanged', set: message.set, isNew: message.isNew })
      case 'push':
        return takePush(message.bytes)
      case 'ping':
        return theirClock.heard(message.time) ? parts.onChange() : undefined
      case 'rival':
      case 'askSecret':
      case 'secret':
      case 'whereabouts':
        return parts.onMessage(message)
      case 'hello':
        throw new PeerkeepError('BAD_FRAME', 'a second hello')
    }
  }

  /** A claim that is refused here is found again by the comparison, when what it needs has come. */
  async function takePush(bytes: Uint8Array): Promise<void> {
    const taking = source
      .take({ from: keyId, set: 'claims', bytes })
      .then(async isTaken => (isTaken ? source.settled() : undefined))
      .catch((error: unknown) =>
        log.info('pushed claim not stored', { peer: keyId, reason: String(error) }),
      )
      .finally(() => pushed.delete(taking))
    pushed.add(taking)
    while (pushed.size >= PUSHED_MAX) await Promise.race(pushed)
  }

  /** What changes in one burst is compared once. */
  function noteChange(set: SetName): void {
    if (stale.size === 0) {
      stopNotice = clock.after(NOTICE_PAUSE_MS, () => {
        const changed = [...stale]
        stale.clear()
        for (const name of changed) happen({ kind: 'changed', set: name })
        if (changed.includes('schema')) fetcher.look(false)
      })
    }
    stale.add(set)
  }

  function watchLine(): void {
    const now = clock.monotonic()
    if (now - heardAt > SILENCE_MAX_MS)
      return close(new PeerkeepError('PEER_UNREACHABLE', 'the other device is silent'))
    if (now - spokeAt >= PING_MS / 2) send({ kind: 'ping', time: clock.now() })
    if (isOver) return
    stopWatch = clock.after(PING_MS / 2, watchLine)
  }

  async function readAll(): Promise<void> {
    for (let frame = await line.control.receive(); frame; frame = await line.control.receive()) {
      heardAt = clock.monotonic()
      await handle(decodeMessage(frame))
    }
  }

  async function begin(): Promise<void> {
    if (peer.own.keyCheck === peer.theirs.keyCheck) views = await sets.views()
    else {
      log.info('comparing under the common key', { peer: keyId })
      const common = await sets.commonViews()
      closers.push(common.release)
      if (isOver) return common.release()
      views = common.tries
    }
    closers.push(sets.onChange(noteChange))
    happen({ kind: 'begin' })
    await readAll()
  }

  watchLine()
  begin().then(() => close(), fail)
  return {
    keyId,
    hello: peer.theirs,
    path: line.path,
    clock: theirClock,
    state: () => ({
      lastInSync,
      behind: fetcher.pending.claims + fetcher.pending.schema + fetcher.pending.data,
      bytesReceived,
      bytesPerSecond: rate.perSecond(),
      paused: fetcher.paused,
    }),
    push(bytes) {
      if (fitsPush(bytes)) send({ kind: 'push', bytes })
    },
    want: () => fetcher.look(false),
    noticeData: () => send({ kind: 'changed', set: 'data', isNew: true }),
    send,
    ended,
    close,
  }
}

/** Bytes a second over the last moments. */
function openRate(clock: Clock): { add(bytes: number): void; perSecond(): number } {
  let value = 0
  let at = clock.monotonic()
  const decay = (): void => {
    const now = clock.monotonic()
    value *= Math.exp((at - now) / RATE_MS)
    at = now
  }
  return {
    add(bytes) {
      decay()
      value += (bytes * 1000) / RATE_MS
    },
    perSecond() {
      decay()
      return Math.round(value)
    },
  }
}
