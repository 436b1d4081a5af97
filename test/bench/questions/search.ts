import { rounded } from '../measure.ts'
import { openSearchWorld, p99 } from '../search-world.ts'

const PERMANODES = Number(process.env['BENCH_PERMANODES'] ?? 20_000)
const ASKED = 200

const WORDS = 'lake mountain birthday beach garden holiday wedding snow river forest'.split(' ')
const wordAt = (at: number): string => WORDS[at % WORDS.length] ?? ''

/**
 * How fast is an index of permanodes with three claims each, about pictures and films, made from nothing; and in how
 * many milliseconds are 99 of 100 searches over it answered, 50 to a page?
 */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const world = await openSearchWorld(PERMANODES, at => ({
    title: `${wordAt(at)} ${wordAt(at * 7 + 3)} ${at}`,
    tag: at % 1000 === 0 ? 'rare' : `t${at % 50}`,
    facts: {
      mediaType: at % 3 === 0 ? 'video/mp4' : 'image/jpeg',
      latitude: (at % 170) - 85,
      longitude: (at % 350) - 175,
    },
  }))
  const asked = (write: (at: number) => string): Promise<number> =>
    p99(
      world,
      Array.from({ length: ASKED }, (_, at) => write(at)),
    )
  const figures = {
    permanodes: PERMANODES,
    claimsPerSecond: rounded((3 * PERMANODES) / world.seconds),
    indexPeakMib: world.peakMib,
    tag: await asked(at => `tag:t${(at % 49) + 1}`),
    rareTag: await asked(() => 'tag:rare'),
    titlePart: await asked(at => `title:"${at * 7}"`.replace(/"(\d)"/, '"10$1"')),
    titleWord: await asked(at => `title:${wordAt(at)}`),
    dateRange: await asked(at => `after:2015-01-0${(at % 9) + 1} before:2015-03`),
    imageWithoutTag: await asked(at => `is:image -tag:t${at % 50}`),
    newest: await asked(() => 'before:2100'),
    place: await asked(at => `locrect:${(at % 80) + 5},${(at % 80) - 5},-20,20`),
    relation: await asked(() => `childrenof:${world.set}`),
    peakMib: Math.round(process.resourceUsage().maxRSS / 1024),
  }
  await world.close()
  return figures
}
