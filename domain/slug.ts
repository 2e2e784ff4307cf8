import { decodeHTMLStrict } from 'entities'
import * as E from 'fp-ts/lib/Either.js'
import unidecode from 'unidecode'
import type { DecodeError } from './decode.js'
import { decodeError } from './decode.js'
import { ProjectSlug } from './identifiers.js'

/** A slug names files and folders, which allow 255 bytes including what is added to it. */
const longestSlug = 200

/** The names of HTML 4: what python-slugify knows. HTML 5 has 2,000 more, which it leaves as they are. */
const entityNames = new Set(
  `AElig Aacute Acirc Agrave Alpha Aring Atilde Auml Beta Ccedil Chi Dagger Delta ETH Eacute Ecirc Egrave Epsilon Eta
  Euml Gamma Iacute Icirc Igrave Iota Iuml Kappa Lambda Mu Ntilde Nu OElig Oacute Ocirc Ograve Omega Omicron Oslash
  Otilde Ouml Phi Pi Prime Psi Rho Scaron Sigma THORN Tau Theta Uacute Ucirc Ugrave Upsilon Uuml Xi Yacute Yuml Zeta
  aacute acirc acute aelig agrave alefsym alpha amp and ang aring asymp atilde auml bdquo beta brvbar bull cap ccedil
  cedil cent chi circ clubs cong copy crarr cup curren dArr dagger darr deg delta diams divide eacute ecirc egrave empty
  emsp ensp epsilon equiv eta eth euml euro exist fnof forall frac12 frac14 frac34 frasl gamma ge gt hArr harr hearts
  hellip iacute icirc iexcl igrave image infin int iota iquest isin iuml kappa lArr lambda lang laquo larr lceil ldquo le
  lfloor lowast loz lrm lsaquo lsquo lt macr mdash micro middot minus mu nabla nbsp ndash ne ni not notin nsub ntilde nu
  oacute ocirc oelig ograve oline omega omicron oplus or ordf ordm oslash otilde otimes ouml para part permil perp phi pi
  piv plusmn pound prime prod prop psi quot rArr radic rang raquo rarr rceil rdquo real reg rfloor rho rlm rsaquo rsquo
  sbquo scaron sdot sect shy sigma sigmaf sim spades sub sube sum sup sup1 sup2 sup3 supe szlig tau there4 theta thetasym
  thinsp thorn tilde times trade uArr uacute uarr ucirc ugrave uml upsih upsilon uuml weierp xi yacute yen yuml zeta zwj
  zwnj`.split(/\s+/),
)

/** HTML 5 moved these two to other characters. */
const movedEntities: Readonly<Record<string, string>> = { lang: '\u2329', rang: '\u232a' }

/** Control characters that unidecode reads as letters of Windows-1252; the Python tables have nothing for them. */
const controls = /[\u0080-\u009f]/g

/** Pages without a table: unidecode drops their characters, where the Python tables have a mark that becomes a hyphen. */
const unknownPages = /[\u0800-\u08ff\u1900-\u1dff\u2900-\u2dff\u3400-\u4cff\ua500-\uabff\ue000-\uf8ff]/g

/** Character by character: unidecode leaves neighbours that look like bytes of UTF-8 (`ß»`) as they are. */
const toAscii = (text: string): string =>
  Array.from(text.normalize('NFKD').replace(controls, '').replace(unknownPages, '-'), (c) => unidecode(c)).join('')

const decodeNamed = (text: string): string =>
  text.replace(/&([A-Za-z]+[0-9]*);/g, (reference, name: string) =>
    entityNames.has(name) ? (movedEntities[name] ?? decodeHTMLStrict(reference)) : reference,
  )

/** All references of a kind or, when one of them is no character, none: as python-slugify does. */
const decodeNumeric = (text: string, reference: RegExp, base: 10 | 16): string => {
  const codes = Array.from(text.matchAll(reference), ([, digits]) => parseInt(digits!, base))
  return codes.some((code) => code > 0x10ffff)
    ? text
    : text.replace(reference, (_, digits: string) => String.fromCodePoint(parseInt(digits, base)))
}

const decodeEntities = (text: string): string =>
  decodeNumeric(decodeNumeric(decodeNamed(text), /&#(\d+);/g, 10), /&#x([\da-fA-F]+);/g, 16)

/** The steps and their order are those of python-slugify 8. */
const slugify = (text: string): string =>
  toAscii(decodeEntities(toAscii(text.replace(/'+/g, '-'))))
    .toLowerCase()
    .replace(/'+/g, '')
    .replace(/(?<=\d),(?=\d)/g, '')
    .replace(/[^a-z0-9]+/g, '-')
    .replace(/^-|-$/g, '')

/**
 * The project's name in paths, tables and configuration, equal to what the Python services make of it.
 *
 * A name without any letter or digit, or one whose slug is longer than a file name may be, is an error.
 */
export const projectSlug = (name: string): E.Either<DecodeError, ProjectSlug> => {
  const slug = slugify(name)
  if (slug === '') return E.left(decodeError('project name: expected at least one letter or digit'))
  if (slug.length > longestSlug) {
    return E.left(decodeError(`project name: expected a slug of at most ${longestSlug} characters, got ${slug.length}`))
  }
  return ProjectSlug.is(slug) ? E.right(slug) : E.left(decodeError('project name: expected a project slug'))
}

/** The name of an extract in paths: the slug of its timestamp in ISO form, with zone and microseconds kept. */
export const datetimeSlug = (isoText: string): string => slugify(isoText)
