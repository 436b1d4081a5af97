import type { IncomingMessage } from 'node:http'
import type { Server, Socket } from 'node:net'

import type { Clock } from '../base/clock.ts'
import { CONNECTIONS_MAX, PACE_BYTES_MIN, PACE_CHECK_MS, PACE_MISSES_MAX } from './limits.ts'

/**
 * Keeps slow and stalling clients from costing more than their own connection: who has a request under way and moves
 * next to nothing for half a minute is cut, and when all connections are taken the slowest one makes room.
 */
export interface Pace {
  /** A request is worked on; the answer ends that. */
  begin(request: IncomingMessage): () => void
  close(): void
}

interface Watched {
  moved: number
  /** Looks in a row at which too little had moved. */
  misses: number
  readonly requests: Set<IncomingMessage>
}

/** `event` is how the server tells of a connection that requests come on. */
export function watchPace(
  server: Server,
  event: 'connection' | 'secureConnection',
  clock: Clock,
): Pace {
  const watched = new Map<Socket, Watched>()
  let cancel: (() => void) | undefined

  server.on(event, (socket: Socket) => {
    if (watched.size >= CONNECTIONS_MAX) slowest(watched, socket).destroy()
    watched.set(socket, { moved: 0, misses: 0, requests: new Set() })
    socket.once('close', () => watched.delete(socket))
    cancel ??= clock.after(PACE_CHECK_MS, look)
  })

  function look(): void {
    for (const [socket, state] of watched) {
      const moved = socket.bytesRead + socket.bytesWritten - socket.writableLength
      const isSlow = moved - state.moved < PACE_BYTES_MIN && isAwaited(socket, state)
      state.misses = isSlow ? state.misses + 1 : 0
      state.moved = moved
      if (state.misses >= PACE_MISSES_MAX) socket.destroy()
    }
    cancel = watched.size > 0 ? clock.after(PACE_CHECK_MS, look) : undefined
  }

  return {
    begin(request) {
      const state = watched.get(request.socket)
      state?.requests.add(request)
      return () => void state?.requests.delete(request)
    },
    close: () => cancel?.(),
  }
}

/**
 * Whether the client is to move: to send more of a body of which all that came was taken, or to read what was sent. While
 * the node itself takes its time, nobody is slow.
 */
function isAwaited(socket: Socket, { requests }: Watched): boolean {
  if (socket.writableLength > 0) return true
  return [...requests].some(request => !request.complete && request.readableLength === 0)
}

/** The oldest that asks for nothing, else who was slow for longest, else the newcomer itself. */
function slowest(watched: ReadonlyMap<Socket, Watched>, newcomer: Socket): Socket {
  let victim = newcomer
  let most = 0
  for (const [socket, { misses, requests }] of watched) {
    if (requests.size === 0) return socket
    if (misses > most) [victim, most] = [socket, misses]
  }
  return victim
}
