const entities: readonly (readonly [character: string, entity: string])[] = [
  ['&', '&amp;'],
  ['<', '&lt;'],
  ['>', '&gt;'],
  ['"', '&quot;'],
  ['\r', '&#13;'],
]

export function escapeXml(text: string): string {
  return entities.reduce((all, [character, entity]) => all.replaceAll(character, entity), text)
}

export function unescapeXml(text: string): string {
  return entities.reduceRight((all, [character, entity]) => all.replaceAll(entity, character), text)
}

export type XmlValue = string | number | boolean | XmlElement | readonly XmlValue[]
export interface XmlElement {
  readonly [name: string]: XmlValue | undefined
}

/** One element for each property, several for an array, none for undefined. */
export function xml(name: string, value: XmlValue | undefined): string {
  if (value === undefined) return ''
  if (Array.isArray(value)) return value.map(each => xml(name, each as XmlValue)).join('')
  const inner =
    typeof value === 'object'
      ? Object.entries(value)
          .map(([key, each]) => xml(key, each as XmlValue | undefined))
          .join('')
      : escapeXml(String(value))
  return `<${name}>${inner}</${name}>`
}

export function document(name: string, value: XmlValue): string {
  return `<?xml version="1.0" encoding="UTF-8"?>\n${xml(name, value)}`
}

/** The insides of all elements of that name; enough for the two bodies that S3 clients send. */
export function elements(text: string, name: string): string[] {
  const pattern = new RegExp(`<${name}(?: [^>]*)?>([\\s\\S]*?)</${name}>`, 'g')
  return [...text.matchAll(pattern)].map(match => match[1] ?? '')
}

export function elementText(text: string, name: string): string | undefined {
  const inner = elements(text, name)[0]
  return inner === undefined ? undefined : unescapeXml(inner)
}
