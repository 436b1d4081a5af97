import type { KeyValueOperation } from './key-value.ts'
import { KEY_BYTES_MAX, VALUE_BYTES_MAX } from './limits.ts'

/**
 * Throws a TypeError for operations that the contract of KeyValue does not admit: written anyway, a
 * lone surrogate would come back as another character, and a key would never be found again.
 */
export function checkOperations(operations: readonly KeyValueOperation[]): void {
  for (const operation of operations) {
    checkText('key', operation.key, KEY_BYTES_MAX)
    if (operation.key === '') throw new TypeError('a key is empty')
    if (operation.type === 'put') checkText('value', operation.value, VALUE_BYTES_MAX)
  }
}

function checkText(what: string, text: string, bytesMax: number): void {
  if (!text.isWellFormed()) throw new TypeError(`a ${what} has a lone surrogate`)
  // A UTF-16 unit is 3 bytes at most: counting is seldom needed.
  if (text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax) {
    throw new TypeError(`a ${what} has more than ${bytesMax} bytes`)
  }
}
