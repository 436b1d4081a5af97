import { PeerkeepError } from '../../src/base/errors.ts'
import type { Clock } from '../../src/base/clock.ts'
import type { FramedStream } from '../../src/peer/framed-stream.ts'
import type { SimRandom } from '../sim/sim-random.ts'

/** What a line does to what it carries. */
export interface LinkFaults {
  /** Longest time that a frame takes, in milliseconds; each takes another one, and none overtakes another. */
  readonly delayMax: number
  /** Chance of each frame to be the last that arrives, to come twice, to change places with the next, or to have a byte changed. */
  damage: number
}

/** A stream between two nodes on virtual time. */
export interface SimPipe {
  readonly ends: readonly [FramedStream, FramedStream]
  /** Both ends learn at once that the line is gone. */
  cut(): void
  /** From now on nothing arrives, and nobody is told. */
  silence(): void
}

/** Frames on their way in one direction before the sender has to wait. */
const WINDOW_FRAMES = 32

interface Direction {
  /** Frames that have arrived and were not taken; undefined is the end. */
  readonly arrived: (Uint8Array | undefined)[]
  onWay: number
  lastAt: number
  wakeReader: () => void
  wakeWriter: () => void
}

export function openSimPipe(clock: Clock, random: SimRandom, faults: LinkFaults): SimPipe {
  const directions: readonly [Direction, Direction] = [newDirection(), newDirection()]
  let failure: Error | undefined
  let isSilent = false

  function wakeAll(): void {
    for (const { wakeReader, wakeWriter } of directions) {
      wakeReader()
      wakeWriter()
    }
  }
  const fail = (error: Error): void => {
    failure ??= error
    wakeAll()
  }

  function carry(direction: Direction, frame: Uint8Array | undefined): void {
    direction.onWay += 1
    const at = Math.max(direction.lastAt, clock.monotonic() + random.below(faults.delayMax))
    direction.lastAt = at
    clock.after(at - clock.monotonic(), () => {
      direction.onWay -= 1
      if (!isSilent) damaged(direction.arrived, frame)
      direction.wakeReader()
      direction.wakeWriter()
    })
  }

  function damaged(arrived: (Uint8Array | undefined)[], frame: Uint8Array | undefined): void {
    if (frame === undefined || !random.chance(faults.damage)) return void arrived.push(frame)
    switch (random.below(4)) {
      case 0:
        isSilent = true
        return
      case 1:
        arrived.push(frame, Uint8Array.from(frame))
        return
      case 2:
        arrived.splice(-1, 0, frame)
        return
      default:
        arrived.push(frame.with(random.below(frame.length), random.below(256)))
    }
  }

  function end(out: Direction, incoming: Direction): FramedStream {
    let isClosed = false
    let last: Uint8Array | undefined
    return {
      async send(...pieces) {
        while (out.onWay + out.arrived.length >= WINDOW_FRAMES && !failure && !isClosed)
          await new Promise<void>(resolve => (out.wakeWriter = resolve))
        if (failure) throw failure
        if (isClosed) throw new PeerkeepError('PEER_UNREACHABLE', 'the line is closed')
        carry(out, Uint8Array.from(Buffer.concat(pieces)))
      },
      async receive() {
        // A frame is valid until the next one is asked for.
        last?.fill(0xff)
        last = undefined
        while (incoming.arrived.length === 0 && !failure && !isClosed)
          await new Promise<void>(resolve => (incoming.wakeReader = resolve))
        if (failure) throw failure
        if (incoming.arrived.length === 0) return undefined
        const frame = incoming.arrived[0]
        if (frame !== undefined) incoming.arrived.shift()
        incoming.wakeWriter()
        last = frame
        return frame
      },
      get buffered() {
        return incoming.arrived.length
      },
      async close() {
        if (isClosed) return
        isClosed = true
        carry(out, undefined)
        incoming.wakeReader()
      },
      abort: fail,
    }
  }

  const [there, back] = directions
  return {
    ends: [end(there, back), end(back, there)],
    cut: () => fail(new PeerkeepError('PEER_UNREACHABLE', 'the line was cut (simulated)')),
    silence() {
      isSilent = true
    },
  }
}

function newDirection(): Direction {
  return {
    arrived: [],
    onWay: 0,
    lastAt: 0,
    wakeReader: () => undefined,
    wakeWriter: () => undefined,
  }
}
