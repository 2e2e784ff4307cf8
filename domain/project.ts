import type { DestinationName, ProjectSlug } from './identifiers.js'
import type { LeftOutReason } from './reasons.js'
import type { TagScheme } from './tags.js'
import { matchesPattern } from './tags.js'

export interface AllowedManufacturer {
  /** Source of a regular expression, searched for without regard to case. */
  readonly regex: string
  readonly excludeSeriesNumbers: ReadonlyArray<number>
}

/** One project as its YAML file says it. */
export interface ProjectConfig {
  readonly project: {
    readonly name: ProjectSlug
    readonly modalities: ReadonlyArray<string>
    /** Prefix of the project's secrets; null = the slug. */
    readonly azureKvAlias: string | null
  }
  readonly tagOperationFiles: {
    /** At least one. */
    readonly base: ReadonlyArray<string>
    readonly manufacturerOverrides: ReadonlyArray<string>
  }
  readonly imageOperationFiles: { readonly deidRecipes: ReadonlyArray<string> }
  /** Empty = no manufacturer is allowed. */
  readonly allowedManufacturers: ReadonlyArray<AllowedManufacturer>
  readonly minInstancesPerSeries: number
  /** Lower-case substrings of series descriptions that are left out. */
  readonly seriesFilters: ReadonlyArray<string>
  readonly allowSecondaryCapture: boolean
  readonly destination: {
    /** Where studies go; empty = `none`. */
    readonly dicom: ReadonlyArray<DestinationName>
    /** Where extract tables go; null = `none`. */
    readonly parquet: DestinationName | null
  }
}

/** A project ready to work with: its configuration and the tag files it names. */
export interface Project {
  readonly config: ProjectConfig
  readonly scheme: TagScheme
}

/** The destination names every installation knows, whether or not an uploader is registered for them. */
export const knownDestinations = ['ftps', 'dicomweb', 'xnat', 'tre', 'folder'] as const

/** What decides about an instance, read from its header. Absent elements are ''. */
export interface InstanceFacts {
  readonly modality: string
  readonly manufacturer: string
  /** SeriesNumber (0020,0011); null when missing or not an integer. */
  readonly seriesNumber: number | null
  readonly seriesDescription: string
  readonly sopClassUid: string
  /** BurnedInAnnotation (0028,0301). */
  readonly burnedInAnnotation: string
  /** ImageType (0008,0008), its values. */
  readonly imageType: ReadonlyArray<string>
  /** ConversionType (0008,0064). */
  readonly conversionType: string
}

const isDocument = ({ sopClassUid, modality }: InstanceFacts): boolean =>
  sopClassUid.startsWith('1.2.840.10008.5.1.4.1.1.104.') ||
  sopClassUid.startsWith('1.2.840.10008.5.1.4.1.1.88.') ||
  modality === 'SR' ||
  modality === 'DOC'

/** PS3.4 annex B.5: Secondary Capture and its four multi-frame variants. */
const isSecondaryCapture = ({ sopClassUid, conversionType }: InstanceFacts): boolean =>
  /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.7(\.[1-4])?$/.test(sopClassUid) || conversionType !== ''

/** PS3.4 annex B.5: ultrasound storage classes, retired ones included. */
const isUltrasound = ({ sopClassUid, modality }: InstanceFacts): boolean =>
  /^1\.2\.840\.10008\.5\.1\.4\.1\.1\.(3|3\.1|6|6\.1|6\.2|6\.3)$/.test(sopClassUid) ||
  modality === 'US' ||
  modality === 'IVUS'

/** The first allowed manufacturer that matches decides which series numbers are excluded. */
const manufacturerAllowed = (config: ProjectConfig, facts: InstanceFacts): boolean => {
  const match = config.allowedManufacturers.find(({ regex }) => matchesPattern(regex, facts.manufacturer))
  return match !== undefined && facts.seriesNumber !== null && !match.excludeSeriesNumbers.includes(facts.seriesNumber)
}

/**
 * Why an instance must stay, or null when it may leave: default-deny, the first reason that applies. Whether its series
 * was requested and is large enough is decided by who sees the whole series.
 */
export const whyLeftOut = (config: ProjectConfig, facts: InstanceFacts): LeftOutReason | null => {
  const description = facts.seriesDescription.toLowerCase()
  if (!config.project.modalities.includes(facts.modality)) return 'ModalityNotRetained'
  if (isDocument(facts)) return 'DocumentObject'
  if (!manufacturerAllowed(config, facts)) return 'ManufacturerNotAllowed'
  if (config.seriesFilters.some((filter) => description.includes(filter))) return 'SeriesFiltered'
  if (config.imageOperationFiles.deidRecipes.length > 0) return 'PixelRecipeUnsupported'
  if (isUltrasound(facts)) return 'UltrasoundWithoutRecipe'
  if (facts.burnedInAnnotation.toUpperCase() === 'YES') return 'BurnedInPixels'
  if (isSecondaryCapture(facts) && !config.allowSecondaryCapture) return 'SecondaryCapture'
  return null
}
