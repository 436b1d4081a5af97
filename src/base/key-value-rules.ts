import type { KeyValueOperation } from './key-value.ts'
import { keyBytesMax, valueBytesMax } from './limits.ts'

/**
 * Throws a TypeError for operations that the contract of KeyValue does not admit: written anyway, a
 * lone surrogate would come back as another character, and a key would never be found again.
 */
export function checkOperations(operations: readonly KeyValueOperation[]): void {
  for (const operation of operations) {
    checkText('key', operation.key, keyBytesMax)
    if (operation.key === '') throw new TypeError('a key is empty')
    if (operation.type === 'put') checkText('value', operation.value, valueBytesMax)
  }
}

function checkText(what: string, text: string, bytesMax: number): void {
  if (!text.isWellFormed()) throw new TypeError(`a ${what} has a lone surrogate`)
  // A UTF-16 unit is 3 bytes at most: counting is seldom needed.
  if (text.length * 3 > bytesMax && Buffer.byteLength(text) > bytesMax) {
    throw new TypeError(`a ${what} has more than ${bytesMax} bytes`)
  }
}
