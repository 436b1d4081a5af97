import type { Libp2p } from 'libp2p'

/**
 * Calls without TLS: its certificates bear dates, and a device whose clock is an hour ahead of the other one's is
 * refused by it. A clock may be wrong by days, and the two have to meet all the same. libp2p takes the first way to
 * encrypt that both sides know and offers no choice for a single call, so TLS is hidden from it meanwhile; who calls
 * this device at that moment is answered by noise, too, which does no harm.
 */
export async function byNoise<T>(line: Libp2p, call: () => Promise<T>): Promise<T> {
  const encrypters = encryptersOf(line)
  const calls = hidden.get(line) ?? { count: 0, all: [...encrypters] }
  hidden.set(line, calls)
  calls.count += 1
  encrypters.delete(TLS_PROTOCOL)
  try {
    return await call()
  } finally {
    calls.count -= 1
    if (calls.count === 0) {
      hidden.delete(line)
      // In their order: the first is preferred.
      encrypters.clear()
      for (const [protocol, encrypter] of calls.all) encrypters.set(protocol, encrypter)
    }
  }
}

/** Calls, and when that fails for whatever reason but `signal` calls again without TLS. */
export async function elseByNoise<T>(
  line: Libp2p,
  call: () => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  try {
    return await call()
  } catch (error) {
    if (signal?.aborted === true) throw error
    return byNoise(line, call)
  }
}

const TLS_PROTOCOL = '/tls/1.0.0'

/** Calls without TLS that run on a line, and all ways to encrypt that it knows. */
const hidden = new WeakMap<
  Libp2p,
  { count: number; readonly all: readonly (readonly [string, unknown])[] }
>()

/** Not part of libp2p's public types; a test with two clocks fails when it changes. */
function encryptersOf(line: Libp2p): Map<string, unknown> {
  const { components } = line as unknown as {
    components: { upgrader: { connectionEncrypters: Map<string, unknown> } }
  }
  return components.upgrader.connectionEncrypters
}
