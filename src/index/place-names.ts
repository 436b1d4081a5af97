/** A name as places are looked up by it: letters and digits only, without marks and case. */
export function placeKey(name: string): string {
  return name
    .normalize('NFKD')
    .toLowerCase()
    .replaceAll(/[ßæøłđœı]/g, letter => PLAIN[letter] ?? letter)
    .replaceAll(/\p{M}/gu, '')
    .replaceAll(/[^\p{L}\p{N}]+/gu, ' ')
    .trim()
}

/** Letters that Unicode does not take apart. */
const PLAIN: Readonly<Record<string, string>> = {
  ß: 'ss',
  æ: 'ae',
  ø: 'o',
  ł: 'l',
  đ: 'd',
  œ: 'oe',
  ı: 'i',
}

/** Languages in which countries are known by name. */
export const LANGUAGES: readonly string[] =
  'en de fr es it pt nl pl cs sv da nb fi hu ro el tr ru uk ja zh ko ar he'.split(' ')

/** Other names of large cities, by key: of each city the tables know one, which is English or its own. */
export const CITY_ALIASES: Readonly<Record<string, string>> = Object.fromEntries(
  (
    [
      ['vienna', 'wien'],
      ['munich', 'munchen', 'muenchen'],
      ['koln', 'cologne', 'koeln'],
      ['nurnberg', 'nuremberg', 'nuernberg'],
      ['dusseldorf', 'duesseldorf'],
      ['zurich', 'zuerich'],
      ['geneve', 'genf', 'geneva'],
      ['luzern', 'lucerne'],
      ['rome', 'roma', 'rom'],
      ['milan', 'milano', 'mailand'],
      ['florence', 'firenze', 'florenz'],
      ['naples', 'napoli', 'neapel'],
      ['venice', 'venezia', 'venedig'],
      ['turin', 'torino'],
      ['genoa', 'genova', 'genua'],
      ['paris', 'parigi'],
      ['brussels', 'bruxelles', 'brussel'],
      ['antwerpen', 'antwerp', 'anvers'],
      ['gent', 'ghent', 'gand'],
      ['brugge', 'bruges'],
      ['the hague', 'den haag', 's gravenhage'],
      ['copenhagen', 'kobenhavn', 'kopenhagen'],
      ['goteborg', 'gothenburg'],
      ['lisbon', 'lisboa', 'lissabon'],
      ['sevilla', 'seville'],
      ['prague', 'praha', 'prag'],
      ['warsaw', 'warszawa', 'warschau'],
      ['krakow', 'cracow', 'krakau'],
      ['bucharest', 'bucuresti'],
      ['belgrade', 'beograd', 'belgrad'],
      ['athens', 'athina', 'athen'],
      ['moscow', 'moskva', 'moskau'],
      ['saint petersburg', 'st petersburg', 'sankt petersburg'],
      ['kyiv', 'kiev', 'kiew'],
      ['new york city', 'new york', 'nyc'],
      ['beijing', 'peking'],
      ['mumbai', 'bombay'],
      ['havana', 'la habana'],
      ['cairo', 'kairo'],
    ] as const
  ).flatMap(([known, ...others]) => others.map(other => [other, known])),
)
