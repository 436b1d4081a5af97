import { PeerkeepError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import { type BlobRef, parseBlobRef } from '../blob/ref.ts'
import { readMoment } from '../index/search-constraints.ts'
import { DESCRIBE_CHILDREN_MAX, DESCRIBE_DEPTH_MAX, DESCRIBE_REFS_MAX } from './limits.ts'
import type { DescribeRequest, DescribeRule } from './search-describe.ts'

/** Children of a directory that are listed where nothing else is asked: Perkeep's number. */
export const CHILDREN_SHOWN = 50

/** Reads Perkeep's describe request. Throws `BAD_USAGE` or `BAD_REF` for what is none. */
export function describeRequestOf(body: JsonObject): DescribeRequest {
  return {
    refs: refsOf(body),
    depth: Math.min(countOf(body['depth'], 1), DESCRIBE_DEPTH_MAX),
    childrenMax: Math.min(countOf(body['maxDirChildren'], CHILDREN_SHOWN), DESCRIBE_CHILDREN_MAX),
    at: timeOf(body['at']),
    rules: rulesOf(body['rules'], 0),
  }
}

function refsOf(body: JsonObject): BlobRef[] {
  const { blobref, blobrefs } = body
  const texts = [...(Array.isArray(blobrefs) ? (blobrefs as JsonValue[]) : []), blobref]
  const named = texts.filter(text => typeof text === 'string' && text !== '') as string[]
  // None at all is what pk-mount asks for while there are no roots.
  if (named.length > DESCRIBE_REFS_MAX)
    throw new PeerkeepError(
      'BAD_USAGE',
      `at most ${DESCRIBE_REFS_MAX} blobs can be described at once`,
    )
  return named.map(parseBlobRef)
}

export function countOf(value: JsonValue | undefined, otherwise: number): number {
  return Number.isSafeInteger(value) && Number(value) > 0 ? Number(value) : otherwise
}

export function timeOf(value: JsonValue | undefined): bigint | undefined {
  return readMoment(typeof value === 'string' && value !== '' ? value : undefined, 'at')
}

/** Rules nest as deep as there is depth. */
function rulesOf(value: JsonValue | undefined, level: number): DescribeRule[] {
  if (!Array.isArray(value) || level >= DESCRIBE_DEPTH_MAX) return []
  return (value as JsonValue[]).slice(0, DESCRIBE_REFS_MAX).flatMap(entry => {
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return []
    const rule = entry as JsonObject
    const { attrs, ifCamliNodeType } = rule
    return {
      ifResultRoot: rule['ifResultRoot'] === true,
      ifCamliNodeType: typeof ifCamliNodeType === 'string' ? ifCamliNodeType : '',
      attributes: (Array.isArray(attrs) ? (attrs as JsonValue[]) : []).filter(
        name => typeof name === 'string',
      ),
      rules: rulesOf(rule['rules'], level + 1),
    }
  })
}
