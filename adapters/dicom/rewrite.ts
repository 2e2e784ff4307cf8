import type { Pseudonyms } from '../../domain/pseudonyms.js'
import type { Tag, TagAction } from '../../domain/tags.js'
import { tagOf, tagText } from '../../domain/tags.js'
import { unreadable } from './byte-window.js'
import { standardVr } from './dictionary.js'
import type { Element, Verdict, Visitor } from './elements.js'
import { beginsWithItem, heldValue, pixelDataTag } from './elements.js'
import {
  encodeElement,
  encodeSequenceStart,
  itemEnd,
  itemStart,
  paddedEncoding,
  replacementOf,
  sequenceEnd,
} from './encoding.js'
import type { Instance } from './header.js'
import { tags } from './header.js'
import type { Output } from './output.js'
import { decodeText, dependsOnCharacterSet, encodeText, isCharacterSet, trim, trimEnd } from './text.js'

/** What one instance is rewritten by. */
export interface Rewriting {
  readonly instance: Instance
  readonly actions: ReadonlyMap<Tag, TagAction>
  readonly pseudonyms: Pseudonyms
  /** The original study, series and instance UIDs of the whole study. */
  readonly ownUids: ReadonlySet<string>
}

/** How the de-identifier calls what it does (0012,0063). */
const deidentificationMethod = 'PIXL core: allow-list of tag operations'

/** Elements that tell instances apart: never left as they were, at any depth. */
const identityTags: ReadonlySet<Tag> = new Set([tags.studyInstanceUid, tags.seriesInstanceUid, tags.sopInstanceUid])

/** Registered by the DICOM standard: SOP classes, transfer syntaxes, coding schemes. No instance is named below this root. */
const wellKnownUid = /^1\.2\.840\.10008(\.\d{1,4}){1,9}$/

/** VRs that hold text somebody typed, and so may hold what identifies a patient. */
const typedVrs: ReadonlySet<string> = new Set('AE CS LO LT PN SH ST UC UR UT'.split(' '))
/** VRs that hold numbers and dates as text: an identifier of digits may stand inside another number there. */
const numberVrs: ReadonlySet<string> = new Set('AS DA DS DT IS TM'.split(' '))

/** The name an original UID leaves under. */
export const newUid = ({ instance, pseudonyms }: Pick<Rewriting, 'instance' | 'pseudonyms'>, uid: string): string =>
  uid === instance.header.studyInstanceUid ? pseudonyms.pseudoStudyUid : pseudonyms.pseudoUid(uid)

const effectiveVr = ({ vr, tag }: Element): string => (vr === '' || vr === 'UN' ? standardVr(tag) || 'UN' : vr)

const isSequence = (element: Element, vr: string): boolean => {
  if (element.fragments) return false
  if (element.length === null || vr === 'SQ') return true
  return vr === 'UN' && beginsWithItem(element)
}

/** Whether any element the scheme keeps could be text in the character set of the data set. */
const keepsText = (actions: ReadonlyMap<Tag, TagAction>): boolean => {
  for (const [tag, action] of actions) if (action === 'keep' && dependsOnCharacterSet(standardVr(tag))) return true
  return false
}

/** The character set the rewritten data set names; '' = none. */
const outgoingCharacterSet = ({ instance, actions, pseudonyms }: Rewriting): string => {
  const kept = actions.get(tags.characterSet) === 'keep' || keepsText(actions)
  const original = kept && isCharacterSet(instance.characterSet) ? instance.characterSet : ''
  return original === '' && encodeText(pseudonyms.pseudoPatientId, '') === null ? 'ISO_IR 192' : original
}

/** Elements every instance leaves with, in tag order, whatever the scheme says. */
const plannedElements = (rewriting: Rewriting): ReadonlyArray<readonly [Tag, Buffer]> => {
  const { instance, pseudonyms } = rewriting
  const { header, implicit } = instance
  const characterSet = outgoingCharacterSet(rewriting)
  const patientId =
    encodeText(pseudonyms.pseudoPatientId, characterSet) ??
    unreadable('the pseudonym of the patient cannot be written in its character set')
  const planned: ReadonlyArray<readonly [Tag, string, string | Buffer]> = [
    [tags.characterSet, 'CS', characterSet],
    [tags.sopClassUid, 'UI', header.facts.sopClassUid],
    [tags.sopInstanceUid, 'UI', newUid(rewriting, header.sopInstanceUid)],
    [tags.patientId, 'LO', patientId],
    [tags.patientIdentityRemoved, 'CS', 'YES'],
    [tags.deidentificationMethod, 'LO', deidentificationMethod],
    [tags.studyInstanceUid, 'UI', pseudonyms.pseudoStudyUid],
    [tags.seriesInstanceUid, 'UI', newUid(rewriting, header.seriesInstanceUid)],
  ]
  return planned
    .filter(([tag]) => tag !== tags.characterSet || characterSet !== '')
    .map(([tag, vr, value]) => {
      const bytes = typeof value === 'string' ? Buffer.from(value, 'latin1') : value
      return [tag, encodeElement(tag, vr, bytes, implicit)]
    })
}

/** Elements that never leave: commands, file meta, group lengths, padding after the data set. */
const neverLeaves = (tag: Tag): boolean => tag < tagOf(8, 0) || tag % 0x10000 === 0 || tag >= tagOf(0xfffc, 0)

interface Level {
  readonly replaceAll: boolean
  readonly characterSet: string
}

/**
 * The visitor that writes what may leave of a data set: kept elements byte for byte, sequences with new lengths or
 * delimiters around what stays of their items. Throws `UnreadableStudy` where the scheme cannot be applied.
 *
 * Beyond the scheme: what names the study, the patient and the instance is renamed at every depth, even under `keep`;
 * and a kept text or unknown value that contains an identifier of the instance is replaced or dropped.
 */
export const makeRewriter = (rewriting: Rewriting, output: Output): Visitor & { readonly finish: () => void } => {
  const { instance, actions, pseudonyms, ownUids } = rewriting
  const planned = plannedElements(rewriting)
  const plannedTags = new Set<Tag>([...planned.map(([tag]) => tag), tags.characterSet])
  const keepsCharacterSet = plannedTags.size === planned.length
  const identifying = instance.identifying.map((text) => text.toLowerCase())
  const levels: Array<Level> = [{ replaceAll: false, characterSet: instance.characterSet }]
  let nextPlanned = 0
  let fragmentsFrom = 0

  const putPlannedBefore = (tag: Tag): void => {
    for (; nextPlanned < planned.length && planned[nextPlanned]![0] <= tag; nextPlanned++)
      output.put(planned[nextPlanned]![1])
  }

  const put = (element: Element, vr: string, value: Buffer): void =>
    output.put(encodeElement(element.tag, vr, value, element.implicit))

  const copy = (element: Element): void => {
    const { tag, vr, bytes, start, valueStart, length, implicit } = element
    const end = valueStart + (length ?? 0)
    if ((length ?? 0) % 2 === 1) {
      // PS3.5 section 7.1.1 allows no odd length, and some receivers refuse it.
      const [header, padding] = paddedEncoding(tag, vr || standardVr(tag) || 'UN', length! + 1, implicit)
      output.put(header)
      output.copy(valueStart, end)
      output.put(padding)
    } else if (bytes.length === end - start) output.put(bytes)
    else output.copy(start, end)
  }

  /** Whether a value must not leave as it is: it holds an identifier, or is text too long to be searched. */
  const isSuspect = (element: Element, vr: string): boolean => {
    if (element.tag === pixelDataTag && !typedVrs.has(vr)) return false
    const value = heldValue(element)
    if (value === null) return typedVrs.has(vr)
    // People type identifiers in either case.
    const content = value.toString('latin1').toLowerCase()
    const found = identifying.filter((text) => content.includes(text))
    if (found.length === 0 || !numberVrs.has(vr)) return found.length > 0
    const values = content.split('\\').map(trim)
    return found.some((text) => /[^\d.+-]/.test(text) || values.includes(text))
  }

  const renamedUids = (element: Element): void => {
    const value = heldValue(element)
    if (value === null) return unreadable(`${tagText(element.tag)} is longer than it can be`)
    const staysAsItIs = (uid: string): boolean =>
      uid === '' || (wellKnownUid.test(uid) && !ownUids.has(uid) && !identityTags.has(element.tag))
    const renamed = trimEnd(value.toString('latin1'))
      .split('\\')
      .map(trim)
      .map((uid) => (staysAsItIs(uid) ? uid : newUid(rewriting, uid)))
    put(element, 'UI', Buffer.from(renamed.join('\\'), 'latin1'))
  }

  const keepUid = (element: Element): void => {
    const text = heldValue(element)?.toString('latin1') ?? 'too long'
    const uids = trimEnd(text).split('\\').map(trim)
    const plain = /^[0-9. \\]*\0*$/.test(text) && !uids.some((uid) => ownUids.has(uid))
    const harmless = plain && !isSuspect(element, 'UI')
    if (harmless && !identityTags.has(element.tag)) copy(element)
    else renamedUids(element)
  }

  const keep = (element: Element, vr: string): void => {
    if (standardVr(element.tag) === 'SQ' && vr !== 'SQ')
      unreadable(`${tagText(element.tag)} is a sequence but its value representation is ${vr}`)
    // In implicit VR some readers would take it for a sequence, and find in it what the scheme does not list.
    if (beginsWithItem(element) && element.tag !== pixelDataTag)
      unreadable(`${tagText(element.tag)} holds items but its value representation is ${vr}`)
    if (vr === 'UI') return keepUid(element)
    if (element.depth > 0 && element.tag === tags.patientId) return putPatientId(element)
    if (!isSuspect(element, vr)) return copy(element)
    const replacement = replacementOf(vr)
    if (replacement !== null) put(element, vr, replacement)
  }

  const putPatientId = (element: Element): void => {
    const id = encodeText(pseudonyms.pseudoPatientId, levels[levels.length - 1]!.characterSet)
    put(element, 'LO', id ?? replacementOf('LO')!)
  }

  const replace = (element: Element, vr: string, inherited: boolean): void => {
    if (vr === 'UI') return renamedUids(element)
    const replacement = replacementOf(vr)
    if (replacement !== null) return put(element, vr, replacement)
    // What is unknown or only bytes has no dummy; inside a replaced sequence, or when its VR was lost, it is dropped.
    if (!inherited && vr !== 'UN')
      unreadable(`the scheme says replace for ${tagText(element.tag)}, but ${vr} has no replacement value`)
  }

  const hash = (element: Element, vr: string): void => {
    const value = heldValue(element)
    if (vr !== 'LO' || value === null)
      return unreadable(`the scheme says secure-hash for ${tagText(element.tag)}, which is ${vr} and not LO`)
    const text = trimEnd(decodeText(value, levels[levels.length - 1]!.characterSet))
    put(element, 'LO', Buffer.from(text === '' ? '' : pseudonyms.secureHash(text), 'latin1'))
  }

  const primitive = (element: Element, vr: string, action: TagAction): void => {
    const { replaceAll } = levels[levels.length - 1]!
    switch (action) {
      case 'keep':
        return replaceAll ? replace(element, vr, true) : keep(element, vr)
      case 'replace':
        return replace(element, vr, replaceAll)
      case 'replace_UID':
        if (vr !== 'UI' && vr !== 'UN')
          unreadable(`the scheme says replace_UID for ${tagText(element.tag)}, which is ${vr} and not UI`)
        return renamedUids(element)
      case 'secure-hash':
        return hash(element, vr)
      case 'delete':
        return
    }
  }

  const sequence = (element: Element, action: TagAction): Verdict => {
    if (action !== 'keep' && action !== 'replace')
      return unreadable(`the scheme says ${action} for ${tagText(element.tag)}, which is a sequence`)
    if (element.length === 0) {
      copy(element)
      return 'skip'
    }
    const level = levels[levels.length - 1]!
    levels.push({ ...level, replaceAll: level.replaceAll || action === 'replace' })
    // Of a UN only an undefined length tells that it holds items.
    const isUn = element.vr === 'UN'
    output.open(encodeSequenceStart(element.tag, isUn ? 'UN' : 'SQ', element.implicit), isUn)
    return 'enter'
  }

  const pixels = (element: Element, action: TagAction): Verdict => {
    if (action !== 'keep' || levels[levels.length - 1]!.replaceAll)
      return unreadable(`the scheme says ${action} for ${tagText(element.tag)}, which holds pixels`)
    if (element.tag !== pixelDataTag) unreadable(`${tagText(element.tag)} is in fragments, as only pixel data may be`)
    fragmentsFrom = element.start
    return 'enter'
  }

  const characterSet = (element: Element): void => {
    const text = trim(heldValue(element)?.toString('latin1') ?? '?')
    const level = levels[levels.length - 1]!
    levels[levels.length - 1] = { ...level, characterSet: text }
    if (keepsCharacterSet && isCharacterSet(text)) copy(element)
  }

  return {
    element: (element) => {
      const { tag, depth } = element
      if (depth === 0) putPlannedBefore(tag)
      if (neverLeaves(tag) || (depth === 0 && plannedTags.has(tag))) return 'skip'
      if (tag === tags.characterSet) {
        characterSet(element)
        return 'skip'
      }
      const action = actions.get(tag)
      if (action === undefined || action === 'delete') return 'skip'
      if (element.fragments) return pixels(element, action)
      const vr = effectiveVr(element)
      if (isSequence(element, vr)) return sequence(element, action)
      primitive(element, vr, action)
      return 'skip'
    },
    item: () => {
      levels.push(levels[levels.length - 1]!)
      output.open(itemStart, false)
    },
    itemEnd: () => {
      levels.pop()
      output.close(itemEnd)
    },
    sequenceEnd: () => {
      levels.pop()
      output.close(sequenceEnd)
    },
    fragmentsEnd: (end) => output.copy(fragmentsFrom, end),
    settle: () => (output.due() ? output.flush() : undefined),
    finish: () => putPlannedBefore(Number.MAX_SAFE_INTEGER),
  }
}
