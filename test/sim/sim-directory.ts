import type { SimContent } from './sim-file.ts'
import type { SimRandom } from './sim-random.ts'

/** The names of files in one directory, and which of them the disk has. */
export interface SimDirectory {
  get(name: string): SimContent | undefined
  names(): string[]
  set(name: string, content: SimContent): void
  remove(name: string): void
  rename(from: string, to: string): void
  /** What a sync that begins now will make durable: call the answer when it is done. */
  beginSync(): () => void
  /** The directory after a power cut; `survivorOf` answers the same content for the same file. */
  survivor(random: SimRandom, survivorOf: (content: SimContent) => SimContent): SimDirectory
}

interface NameChange {
  readonly removed: string | undefined
  readonly set: readonly [name: string, content: SimContent] | undefined
}

export function simDirectory(initial: Iterable<readonly [string, SimContent]> = []): SimDirectory {
  const current = new Map(initial)
  const durable = new Map(current)
  let dirty: NameChange[] = []

  function change(made: NameChange): void {
    dirty.push(made)
    apply(current, made)
  }

  return {
    get: name => current.get(name),
    names: () => [...current.keys()],
    set: (name, content) => change({ removed: undefined, set: [name, content] }),
    remove: name => change({ removed: name, set: undefined }),
    rename(from, to) {
      const content = current.get(from)
      if (content !== undefined && from !== to) change({ removed: from, set: [to, content] })
    },
    beginSync() {
      const covered = new Set(dirty)
      return () => {
        for (const made of dirty) if (covered.has(made)) apply(durable, made)
        dirty = dirty.filter(made => !covered.has(made))
      }
    },
    survivor(random, survivorOf) {
      const names = new Map(durable)
      for (const made of someOf(dirty, random)) apply(names, made)
      return simDirectory([...names].map(([name, content]) => [name, survivorOf(content)]))
    },
  }
}

function apply(names: Map<string, SimContent>, { removed, set }: NameChange): void {
  if (removed !== undefined) names.delete(removed)
  if (set !== undefined) names.set(...set)
}

/** Of unsynced changes the first ones, or any; of a rename perhaps the new name beside the old one. */
function someOf(changes: readonly NameChange[], random: SimRandom): NameChange[] {
  const kept = random.chance(0.5)
    ? changes.slice(0, random.below(changes.length + 1))
    : changes.filter(() => random.chance(0.5))
  return kept.map(made =>
    made.set !== undefined && random.chance(0.2) ? { removed: undefined, set: made.set } : made,
  )
}
