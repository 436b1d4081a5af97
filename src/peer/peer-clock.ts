import type { Clock } from '../base/clock.ts'

/** How far this device's clock is ahead of another one's, from the times that the other one tells. */
export interface PeerClock {
  /** Takes a time in milliseconds since 1970 that the other device has just told; answers whether that is news. */
  heard(time: number): boolean
  /**
   * Milliseconds; negative when it is behind. Of what it was when the time was told and what it is now, the smaller:
   * a clock that was set right since then is right at once, and one that slept did not go wrong.
   */
  lead(): number
}

/** A lead that changes by less is the line's delay and the clocks' drift. */
const LEAD_NEWS_MS = 60_000

export function openPeerClock(clock: Clock, time: number): PeerClock {
  const told = (theirs: number) => ({
    theirs,
    lead: clock.now() - theirs,
    at: clock.monotonic(),
  })
  let last = told(time)
  return {
    heard(theirs) {
      const before = last.lead
      last = told(theirs)
      return Math.abs(last.lead - before) > LEAD_NEWS_MS
    },
    lead() {
      const now = clock.now() - (last.theirs + clock.monotonic() - last.at)
      return Math.abs(now) < Math.abs(last.lead) ? now : last.lead
    },
  }
}
