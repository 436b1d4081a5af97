/**
 * Texts as search compares them. What the index finds a text by must hold of every text that a constraint holds of,
 * so both go through the same two functions.
 */

/** Without regard to case. Each character is folded for itself, so that a part of a text stays a part of it. */
export function foldCase(text: string): string {
  // A sigma at the end of a word is the only letter whose lower case depends on what is around it.
  return text.toLowerCase().replaceAll('ς', 'σ')
}

/** A text in which parts are looked for, or a part: folded, without what ends a text in SQLite. */
export function searchedText(text: string): string {
  return foldCase(text).replaceAll('\0', ' ')
}

/** Scripts that write no spaces: every character is a word. */
const WORD =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]|(?:(?![\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}])[\p{L}\p{N}])+/gu

/** Characters of a word; the rest of a longer one is left out. It is a key, or the like, and no word. */
const WORD_MAX = 64

/** The words of a text, without regard to case and accents, in their order. */
export function wordsOf(text: string): string[] {
  const plain = foldCase(text.normalize('NFKD').replace(/\p{M}+/gu, '')).replaceAll('ß', 'ss')
  return Array.from(plain.match(WORD) ?? [], word => word.slice(0, WORD_MAX).toWellFormed())
}
