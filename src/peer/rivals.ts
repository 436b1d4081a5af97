import type { Log } from '../base/log.ts'
import type { Session } from './session.ts'

/**
 * Two nodes that run with one device key find out: whoever is connected to both tells each of the other. A node that
 * was killed and has come again looks like two for a while, so the new one is told only once the old one has answered.
 */
export interface Rivals {
  /** A device has connected. */
  joined(session: Session): void
  /** A device tells of another run: of its own key to ask whether it is alive, or of this device's. */
  heard(session: Session, runId: string): void
  /** Run ids of other nodes with this device's key. */
  known(): readonly string[]
}

interface RivalsParts {
  readonly runId: string
  readonly sessions: ReadonlySet<Session>
  readonly log: Log
  readonly onChange: () => void
}

/** Run ids that are remembered: each is a copy of this home that is running somewhere. */
const RIVALS_MAX = 16

export function openRivals({ runId, sessions, log, onChange }: RivalsParts): Rivals {
  const known = new Set<string>()

  const withKeyOf = (session: Session): Session[] =>
    [...sessions].filter(other => other.keyId === session.keyId && other !== session)

  return {
    joined(session) {
      for (const older of withKeyOf(session))
        older.send({ kind: 'rival', runId: session.hello.runId })
    },
    heard(session, other) {
      const rival = withKeyOf(session).find(({ hello }) => hello.runId === other)
      // The answer of a node that was told of a newer one: both are alive.
      if (rival) return rival.send({ kind: 'rival', runId: session.hello.runId })
      if (other === runId || known.has(other) || known.size >= RIVALS_MAX) return
      known.add(other)
      log.warn('another node runs with the key of this device', {
        runId: other,
        toldBy: session.keyId,
      })
      session.send({ kind: 'rival', runId: other })
      onChange()
    },
    known: () => [...known],
  }
}
