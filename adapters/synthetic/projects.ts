import { mkdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { tagOperationFiles } from './scheme.js'

/** The projects of the hospital: slug and name. */
export const projectNames = {
  'lung-nodules': 'Lung Nodules',
  'knee-mri': 'Knee MRI',
  'registry-only': 'Registry only',
  'liver-ultrasound': 'Liver Ultrasound',
} as const

export type ProjectName = keyof typeof projectNames

const lungNodules = `# Chest studies of all kinds; delivered with their extract.
project: {name: "lung-nodules", modalities: ["CT", "MR", "DX", "US", "OT", "DOC", "SR"], azure_kv_alias: null}
tag_operation_files:
  base: ["base.yaml", "ct-mr.yaml", "xray.yaml"]
  manufacturer_overrides: ["fabrikam.yaml"]
allowed_manufacturers:
  - {regex: "^northwind", exclude_series_numbers: []}
  - {regex: "^fabrikam", exclude_series_numbers: [99]}
min_instances_per_series: 2
series_filters: ["localizer", "scout"]
destination: {dicom: ftps, parquet: ftps}
`

const kneeMri = `project: {name: "knee-mri", modalities: ["MR"], azure_kv_alias: null}
tag_operation_files: {base: ["base.yaml", "ct-mr.yaml"], manufacturer_overrides: ["fabrikam.yaml"]}
allowed_manufacturers:
  - {regex: "northwind|fabrikam", exclude_series_numbers: []}
series_filters: ["localizer"]
destination: {dicom: dicomweb, parquet: none}
`

const registryOnly = `# Counts studies; no image leaves.
project: {name: "registry-only", modalities: ["CT", "DX"], azure_kv_alias: null}
tag_operation_files: {base: ["base.yaml"], manufacturer_overrides: []}
allowed_manufacturers:
  - {regex: ".*", exclude_series_numbers: []}
destination: {dicom: none, parquet: none}
`

const liverUltrasound = `project: {name: "liver-ultrasound", modalities: ["US"], azure_kv_alias: null}
tag_operation_files: {base: ["base.yaml"], manufacturer_overrides: []}
image_operation_files: {deid_recipes: ["us-deid.recipe"]}
allowed_manufacturers:
  - {regex: "^northwind", exclude_series_numbers: []}
destination: {dicom: ftps, parquet: none}
`

const recipe = `FORMAT dicom

%filter whitelist

LABEL Clean
  contains BurnedInAnnotation No

%filter graylist

LABEL Ultrasound regions
  present SequenceOfUltrasoundRegions
  coordinates all
  keepcoordinates from:SequenceOfUltrasoundRegions
`

const files: Readonly<Record<string, string>> = {
  'lung-nodules.yaml': lungNodules,
  'knee-mri.yaml': kneeMri,
  'registry-only.yaml': registryOnly,
  'liver-ultrasound.yaml': liverUltrasound,
  'image-operations/us-deid.recipe': recipe,
  ...Object.fromEntries(Object.entries(tagOperationFiles).map(([name, text]) => [`tag-operations/${name}`, text])),
}

/** Writes the configuration of the hospital's projects and the tag operations they name. */
export const writeProjects = async (directory: string): Promise<void> => {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(directory, name)), { recursive: true })
    await writeFile(join(directory, name), text)
  }
}
