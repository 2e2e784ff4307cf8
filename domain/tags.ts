/** What happens to one element of a data set (facts of the tag-operation files). A tag not listed is deleted. */
export type TagAction = 'keep' | 'delete' | 'replace' | 'replace_UID' | 'secure-hash'

/** A DICOM tag as one number: `group * 0x10000 + element`. */
export type Tag = number

export const tagOf = (group: number, element: number): Tag => group * 0x10000 + element

/** `(gggg,eeee)`, as the DICOM standard writes a tag. */
export const tagText = (tag: Tag): string => {
  const hex = tag.toString(16).toUpperCase().padStart(8, '0')
  return `(${hex.slice(0, 4)},${hex.slice(4)})`
}

export interface TagOperation {
  readonly name: string | null
  readonly tag: Tag
  readonly action: TagAction
}

/** Operations for instances whose Manufacturer (0008,0070) matches. */
export interface ManufacturerOverride {
  /** Source of a regular expression, searched for without regard to case. */
  readonly manufacturer: string
  readonly operations: ReadonlyArray<TagOperation>
}

/** The tag operations of a project: base files merged in order, then the overrides in order. */
export interface TagScheme {
  readonly base: ReadonlyMap<Tag, TagAction>
  readonly overrides: ReadonlyArray<ManufacturerOverride>
}

/** Merges operations into one allow-list; a later operation on the same tag wins. */
export const mergeOperations = (...lists: ReadonlyArray<ReadonlyArray<TagOperation>>): ReadonlyMap<Tag, TagAction> =>
  new Map(lists.flat().map(({ tag, action }) => [tag, action]))

/** How patterns of the configuration are searched for: like Python's `re.search(..., re.IGNORECASE)`. */
export const matchesPattern = (source: string, text: string): boolean => new RegExp(source, 'iu').test(text)

/** The allow-list of one instance: the base, then every override whose manufacturer pattern matches. */
export const actionsFor = (scheme: TagScheme, manufacturer: string): ReadonlyMap<Tag, TagAction> => {
  const matching = scheme.overrides.filter((override) => matchesPattern(override.manufacturer, manufacturer))
  if (matching.length === 0) return scheme.base
  const merged = new Map(scheme.base)
  for (const { operations } of matching) for (const { tag, action } of operations) merged.set(tag, action)
  return merged
}
