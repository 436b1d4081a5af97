/** Those who want to hear of something. */
export interface Listeners<Args extends readonly unknown[] = []> {
  /** Calls back at each `tell`; returns what stops it. The same function added twice hears twice. */
  add(listener: (...args: Args) => void): () => void
  tell(...args: Args): void
}

export function openListeners<Args extends readonly unknown[] = []>(): Listeners<Args> {
  const listeners = new Set<(...args: Args) => void>()
  return {
    add(listener) {
      const own = (...args: Args): void => listener(...args)
      listeners.add(own)
      return () => void listeners.delete(own)
    },
    tell(...args) {
      for (const listener of listeners) listener(...args)
    },
  }
}
