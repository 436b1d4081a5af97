import { rounded } from '../measure.ts'
import { openSearchWorld, p99 } from '../search-world.ts'

const DOCUMENTS = Number(process.env['BENCH_DOCUMENTS'] ?? 10_000)
const ASKED = 200

/** Words of one document, and words that there are. */
const LENGTH = 200
const VOCABULARY = 20_000

/** Few words are frequent, most are rare, as in any language. */
function wordAt(document: number, place: number): string {
  const mixed = ((document * 2_654_435_761 + place * 40_503) >>> 0) / 2 ** 32
  return `w${Math.floor(VOCABULARY ** mixed)}`
}

function textOf(document: number): string {
  return Array.from({ length: LENGTH }, (_, place) => wordAt(document, place)).join(' ')
}

/**
 * How many documents a second, each of 200 words and with three claims, come into the index; and in how many
 * milliseconds are 99 of 100 searches for two of their words answered?
 */
export async function answer(): Promise<Readonly<Record<string, unknown>>> {
  const world = await openSearchWorld(DOCUMENTS, at => ({
    title: `Document ${at}`,
    tag: 'document',
    facts: { mediaType: 'text/plain', text: textOf(at) },
  }))
  const expressions = Array.from({ length: ASKED }, (_, at) => {
    const document = (at * 37) % DOCUMENTS
    return `text:"${wordAt(document, 3)} ${wordAt(document, 77)}"`
  })
  const figures = {
    documents: DOCUMENTS,
    documentsPerSecond: rounded(DOCUMENTS / world.seconds),
    twoWords: await p99(world, expressions),
    peakMib: Math.round(process.resourceUsage().maxRSS / 1024),
  }
  await world.close()
  return figures
}
