import { isPeerkeepError, PeerkeepError } from '../base/errors.ts'
import type { JsonObject, JsonValue } from '../base/json.ts'
import type { BlobSource } from '../blob/store.ts'
import { parseSchema } from '../schema/parse-schema.ts'
import type { SchemaBlob } from '../schema/schema-blob.ts'
import { signText, splitSigned, verifySigned } from '../schema/signed-blob.ts'
import type { KeyId, Signer } from '../schema/signer.ts'
import { SIGNED_JSON_MAX } from './limits.ts'
import { readForm, sendPerkeepJson, sendText } from './respond.ts'
import type { Route } from './server.ts'

/** What a client is told about signing: which key signs, and where. */
export function signingOf(root: string, signer: Signer): Readonly<Record<string, string>> {
  return {
    publicKey: `${root}camli/${signer.keyRef}`,
    publicKeyBlobRef: signer.keyRef,
    publicKeyId: signer.keyId,
    signHandler: `${root}camli/sig/sign`,
    verifyHandler: `${root}camli/sig/verify`,
  }
}

/** A form of one field with JSON in it: escaped, each byte may take three. */
const FORM_MAX = 3 * SIGNED_JSON_MAX + 1024

/** Signs what a client wrote, with this device's key. `requireClock` throws while the device may not sign. */
export function signRoute(signer: Signer, requireClock: () => void): Route {
  return async (request, response) => {
    const text = fieldOf(await readForm(request, FORM_MAX), 'json')
    requireClock()
    const signed = signText(text, signer)
    const schema = parseSchema(signed)
    if (!schema || !('signer' in schema)) {
      throw new PeerkeepError(
        'BAD_CLAIM',
        'only a permanode or a claim can be signed: JSON with camliVersion, camliType, camliSigner and claimDate',
      )
    }
    if (schema.signer !== signer.keyRef) {
      throw new PeerkeepError(
        'BAD_CLAIM',
        `camliSigner must be the key of this node, ${signer.keyRef}`,
      )
    }
    requireHarmless(schema)
    sendText(response, Buffer.from(signed).toString('utf8'))
  }
}

/**
 * What says who is whose, or what is held where, is Peerkeep's own to sign: a token that may sign must not make itself
 * a device.
 */
function requireHarmless(schema: SchemaBlob): void {
  const isUnknown = schema.type === 'claim' && schema.claim.claimType === 'unknown'
  const isOwn =
    isUnknown ||
    schema.type === 'facts' ||
    (schema.type === 'permanode' && schema.key?.startsWith('peerkeep:') === true) ||
    (schema.type === 'claim' &&
      'attribute' in schema.claim &&
      schema.claim.attribute.startsWith('peerkeep'))
  if (!isOwn) return
  throw new PeerkeepError(
    'REFUSED',
    "what begins with 'peerkeep' is signed by Peerkeep's own commands only, and claims of an unknown type by nobody",
  )
}

/** Says whether a signed text is what its signer signed. The key must be in the store. */
export function verifyRoute(store: Pick<BlobSource, 'fetch'>): Route {
  return async (request, response) => {
    const text = fieldOf(await readForm(request, FORM_MAX), 'sjson')
    try {
      const { keyId, payload } = await verifyText(Buffer.from(text), store)
      const verifiedData = inOrder(
        JSON.parse(`${Buffer.from(payload).toString('utf8')}}`) as JsonValue,
      )
      sendVerdict(response, { signatureValid: true, signerKeyId: shortKeyId(keyId), verifiedData })
    } catch (error) {
      if (!isPeerkeepError(error)) throw error
      sendVerdict(response, { signatureValid: false, errorMessage: error.message })
    }
  }
}

/** As Perkeep writes objects that it has read: the keys in order. */
function inOrder(value: JsonValue): JsonValue {
  if (Array.isArray(value)) return value.map(inOrder)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value as JsonObject).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, field]) => [key, inOrder(field)]))
}

function sendVerdict(response: Parameters<Route>[1], verdict: object): void {
  sendText(response, `${JSON.stringify(verdict, null, 2)}\n`)
}

async function verifyText(
  bytes: Uint8Array,
  store: Pick<BlobSource, 'fetch'>,
): Promise<{ keyId: KeyId; payload: Uint8Array }> {
  const parts = splitSigned(bytes)
  if (!parts) throw new PeerkeepError('BAD_CLAIM', 'this is no signed blob')
  const key = await store.fetch(parts.signer)
  if (!key) throw new PeerkeepError('BLOB_MISSING', `the key ${parts.signer} is not here`)
  return { keyId: await verifySigned(parts, key), payload: parts.payload }
}

/** A key as Perkeep names it: the last 16 digits of an OpenPGP fingerprint. Ours have no shorter name. */
function shortKeyId(keyId: KeyId): string {
  return keyId.startsWith('openpgp-') ? keyId.slice(-16).toUpperCase() : keyId
}

function fieldOf(form: URLSearchParams, name: string): string {
  const text = form.get(name)
  if (text === null) throw new PeerkeepError('BAD_USAGE', `the field ${name} is missing`)
  if (Buffer.byteLength(text) > SIGNED_JSON_MAX)
    throw new PeerkeepError('BLOB_TOO_LARGE', `${name} may have ${SIGNED_JSON_MAX} bytes`)
  return text
}

/** Where to sign, for whoever asks. */
export function signDiscoveryRoute(root: string, signer: Signer): Route {
  return async (_request, response) => sendPerkeepJson(response, signingOf(root, signer))
}

/** The public key itself, without the right to read other blobs. */
export function publicKeyRoute(signer: Signer): Route {
  return async (_request, response) =>
    sendText(response, Buffer.from(signer.keyBlob).toString('latin1'))
}
