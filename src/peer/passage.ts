import type { Stream } from '@libp2p/interface'

import { PASSING_BYTES_MAX } from './limits.ts'

type Bytes = Parameters<Stream['send']>[0]

/**
 * Bounds what a relay holds of each stream. libp2p reads a stream that it passes on as fast as bytes come, however
 * slowly they leave at the other end. A stream that `bound` has seen pauses while too much of what it brought was not
 * sent on yet at another one.
 */
export function openPassage(): { bound(stream: Stream): Stream } {
  /** What is told when the bytes of a message have been sent on. */
  const passed = new WeakMap<Bytes, () => void>()

  function watchArrivals(stream: Stream): void {
    let waiting = 0
    const dispatch = stream.dispatchEvent.bind(stream)
    stream.dispatchEvent = event => {
      if (!isMessage(event)) return dispatch(event)
      const { data } = event
      waiting += data.byteLength
      passed.set(data, () => {
        waiting -= data.byteLength
        if (waiting <= PASSING_BYTES_MAX && stream.readStatus === 'paused') stream.resume()
      })
      if (waiting > PASSING_BYTES_MAX && stream.readStatus === 'readable') stream.pause()
      return dispatch(event)
    }
  }

  function watchDepartures(stream: Stream): void {
    const send = stream.send.bind(stream)
    stream.send = data => {
      const hasRoom = send(data)
      passed.get(data)?.()
      return hasRoom
    }
  }

  return {
    bound(stream) {
      watchArrivals(stream)
      watchDepartures(stream)
      return stream
    },
  }
}

function isMessage(event: Event): event is Event & { readonly data: Bytes } {
  return event.type === 'message'
}
