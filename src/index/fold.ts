import type { AttributeClaim } from '../schema/schema-blob.ts'

/** Values by attribute, in the order they were given; no attribute is without a value. */
export type Attributes = Map<string, Set<string>>

/**
 * Applies one claim, and answers whether it changed anything. Setting or adding an
 * empty value is Perkeep's way to say "none"; adding what is there adds no second one.
 */
export function applyClaim(attributes: Attributes, claim: AttributeClaim): boolean {
  const { claimType, attribute, value } = claim
  const values = attributes.get(attribute)
  if (claimType === 'del-attribute') return remove(attributes, attribute, value)
  if (claimType === 'add-attribute' && values !== undefined) return add(values, value)
  if (!value) return claimType === 'set-attribute' && attributes.delete(attribute)
  if (values?.size === 1 && values.has(value)) return false
  attributes.set(attribute, new Set([value]))
  return true
}

function add(values: Set<string>, value: string | undefined): boolean {
  if (!value || values.has(value)) return false
  values.add(value)
  return true
}

function remove(attributes: Attributes, attribute: string, value: string | undefined): boolean {
  if (value === undefined) return attributes.delete(attribute)
  const values = attributes.get(attribute)
  if (values?.delete(value) !== true) return false
  if (values.size === 0) attributes.delete(attribute)
  return true
}
