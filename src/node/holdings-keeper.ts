import { isPeerkeepError } from '../base/errors.ts'
import { signHoldings } from './holdings.ts'
import type { Node } from './node.ts'

/** Says, while the node runs, what snapshots this device holds whole, soon after it does. */
export interface HoldingsKeeper {
  close(): Promise<void>
}

/** From a change to the look at what is held: what comes in one burst is looked at once. */
const LOOK_PAUSE_MS = 500

/** From one look to the next while something is not here yet: each walks the newest snapshots. */
const LOOK_AGAIN_MIN_MS = 2000
const LOOK_AGAIN_MAX_MS = 600_000

export function openHoldingsKeeper(node: Node): HoldingsKeeper {
  const { clock, log } = node.system
  let stopTimer: (() => void) | undefined
  let looking: Promise<void> | undefined
  let dueAt = 0
  let isDue = false
  let isClosed = false
  let wait = LOOK_AGAIN_MIN_MS

  async function look(): Promise<void> {
    isDue = false
    // While anything at all is on its way, the newest snapshots hardly are whole.
    const { missing } = await node.index.counts()
    if (node.claims.refusal() !== undefined) return schedule(LOOK_AGAIN_MAX_MS)
    const lacking = missing > 0 && wait === LOOK_AGAIN_MIN_MS ? 1 : await signHoldings(node)
    wait = lacking > 0 ? Math.min(2 * wait, LOOK_AGAIN_MAX_MS) : LOOK_AGAIN_MIN_MS
    if (lacking > 0) schedule(wait)
  }

  function run(): void {
    stopTimer = undefined
    if (looking) {
      isDue = true
      return
    }
    looking = look()
      .catch((error: unknown) => {
        if (!isPeerkeepError(error, 'CLOSED'))
          log.warn('holdings not signed', { reason: String(error) })
      })
      .finally(() => {
        looking = undefined
        if (isDue) schedule(LOOK_PAUSE_MS)
      })
  }

  /** The sooner of two looks counts. */
  function schedule(ms: number): void {
    const at = clock.monotonic() + ms
    if (isClosed || (stopTimer && dueAt <= at)) return
    stopTimer?.()
    dueAt = at
    stopTimer = clock.after(ms, run)
  }

  /** Something came or went: what was lacking may be here now. */
  function note(): void {
    wait = LOOK_AGAIN_MIN_MS
    schedule(LOOK_PAUSE_MS)
  }

  const stopMembers = node.onMembers(note)
  const stopPeers = node.network?.onChange(note)
  note()
  return {
    async close() {
      isClosed = true
      stopTimer?.()
      stopMembers()
      stopPeers?.()
      await looking
    },
  }
}
