import type { Clock } from '../base/clock.ts'

/** How far this device's clock is ahead of another one's, from the times that the other one tells. */
export interface PeerClock {
  /** Takes a time in milliseconds since 1970 that the other device has just told. */
  heard(time: number): void
  /**
   * Milliseconds; negative when it is behind. Of what it was when the time was told and what it is now, the smaller:
   * a clock that was set right since then is right at once, and one that slept did not go wrong.
   */
  lead(): number
}

export function openPeerClock(clock: Clock, time: number): PeerClock {
  const told = (theirs: number) => ({
    theirs,
    lead: clock.now() - theirs,
    at: clock.monotonic(),
  })
  let last = told(time)
  return {
    heard(theirs) {
      last = told(theirs)
    },
    lead() {
      const now = clock.now() - (last.theirs + clock.monotonic() - last.at)
      return Math.abs(now) < Math.abs(last.lead) ? now : last.lead
    },
  }
}
