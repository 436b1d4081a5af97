/**
 * Compares two well-formed texts by their UTF-8 bytes, without encoding them: below 0, 0, above 0.
 * JavaScript's own `<` compares UTF-16 units and puts astral characters before U+E000 to U+FFFF.
 */
export function compareText(a: string, b: string): number {
  const length = Math.min(a.length, b.length)
  for (let i = 0; i < length; i++) {
    const x = a.charCodeAt(i)
    const y = b.charCodeAt(i)
    if (x !== y) return rank(x) - rank(y)
  }
  return a.length - b.length
}

/** A UTF-16 unit's place in UTF-8 order: surrogates stand for characters above all others. */
function rank(unit: number): number {
  if (unit < 0xd800) return unit
  return unit < 0xe000 ? unit + 0x2000 : unit - 0x800
}
