import { PeerkeepError } from '../base/errors.ts'
import type { Route } from './server.ts'

/** Lets so many requests through at a time, of all the routes it is put around; others are told to come back. */
export function openAtOnce(max: number, what: string): (route: Route) => Route {
  let running = 0
  return route => async (request, response) => {
    if (running >= max) throw new PeerkeepError('BUSY', `too many ${what} at a time; try again`)
    running += 1
    try {
      await route(request, response)
    } finally {
      running -= 1
    }
  }
}
