import type { TagAction } from '../../domain/tags.js'

type Line = readonly [tag: string, action: TagAction, name: string]

const lines = (action: TagAction, text: string): ReadonlyArray<Line> =>
  text
    .trim()
    .split('\n')
    .map((line) => {
      const [tag, ...name] = line.trim().split(' ')
      return [tag!, action, name.join(' ')] as const
    })

/**
 * The tag operations every project starts from: identity is replaced, dates are blanked, UIDs are renamed, the sequences
 * that matter stay with their items cleaned, and what image research needs is kept. What is not listed is deleted.
 */
const base: ReadonlyArray<Line> = [
  ...lines(
    'keep',
    `0008,0005 Specific Character Set
     0008,0008 Image Type
     0008,0016 SOP Class UID
     0008,0060 Modality
     0008,0070 Manufacturer
     0008,0100 Code Value
     0008,0102 Coding Scheme Designator
     0008,0104 Code Meaning
     0008,103E Series Description
     0008,1090 Manufacturer's Model Name
     0008,1110 Referenced Study Sequence
     0008,1150 Referenced SOP Class UID
     0010,0040 Patient's Sex
     0010,1010 Patient's Age
     0018,0015 Body Part Examined
     0018,1020 Software Versions
     0018,1030 Protocol Name
     0018,5100 Patient Position
     0020,0011 Series Number
     0020,0012 Acquisition Number
     0020,0013 Instance Number
     0020,0020 Patient Orientation
     0020,1040 Position Reference Indicator
     0028,0002 Samples per Pixel
     0028,0004 Photometric Interpretation
     0028,0010 Rows
     0028,0011 Columns
     0028,0030 Pixel Spacing
     0028,0100 Bits Allocated
     0028,0101 Bits Stored
     0028,0102 High Bit
     0028,0103 Pixel Representation
     0028,0301 Burned In Annotation
     0028,1050 Window Center
     0028,1051 Window Width
     0028,1052 Rescale Intercept
     0028,1053 Rescale Slope
     0028,1054 Rescale Type
     0040,0275 Request Attributes Sequence
     7FE0,0010 Pixel Data`,
  ),
  ...lines(
    'replace',
    `0008,0020 Study Date
     0008,0021 Series Date
     0008,0022 Acquisition Date
     0008,0023 Content Date
     0008,0030 Study Time
     0008,0031 Series Time
     0008,0032 Acquisition Time
     0008,0033 Content Time
     0008,0050 Accession Number
     0008,0090 Referring Physician's Name
     0010,0010 Patient's Name
     0010,0020 Patient ID
     0010,0030 Patient's Birth Date
     0020,0010 Study ID
     0040,0007 Scheduled Procedure Step Description
     0040,0009 Scheduled Procedure Step ID
     0040,1001 Requested Procedure ID`,
  ),
  ...lines(
    'replace_UID',
    `0008,0018 SOP Instance UID
     0008,1155 Referenced SOP Instance UID
     0020,000D Study Instance UID
     0020,000E Series Instance UID
     0020,0052 Frame of Reference UID`,
  ),
  ...lines('secure-hash', '0018,1000 Device Serial Number'),
  ...lines(
    'delete',
    `0008,0080 Institution Name
     0010,4000 Patient Comments`,
  ),
]

const crossSections = lines(
  'keep',
  `0018,0020 Scanning Sequence
   0018,0021 Sequence Variant
   0018,0022 Scan Options
   0018,0023 MR Acquisition Type
   0018,0050 Slice Thickness
   0018,0060 KVP
   0018,0080 Repetition Time
   0018,0081 Echo Time
   0018,0087 Magnetic Field Strength
   0018,0091 Echo Train Length
   0020,0032 Image Position (Patient)
   0020,0037 Image Orientation (Patient)`,
)

const xray = lines(
  'keep',
  `0008,0068 Presentation Intent Type
   0008,2218 Anatomic Region Sequence
   0018,1004 Plate ID
   0018,1164 Imager Pixel Spacing
   0018,1508 Positioner Type
   0018,5101 View Position
   0018,7004 Detector Type
   0020,0062 Image Laterality
   0028,1040 Pixel Intensity Relationship
   0028,1041 Pixel Intensity Relationship Sign
   0028,2110 Lossy Image Compression
   0028,2112 Lossy Image Compression Ratio
   0028,2114 Lossy Image Compression Method
   0040,0555 Acquisition Context Sequence
   2050,0020 Presentation LUT Shape`,
)

const privateNumber = lines(
  'keep',
  `0019,0010 Private creator
   0019,1010 Private number without identity`,
)

const operation = (indent: string, [tag, action, name]: Line): string => {
  const [group, element] = tag.split(',')
  return `${indent}- {name: ${JSON.stringify(name)}, group: 0x${group}, element: 0x${element}, op: ${JSON.stringify(action)}}\n`
}

const tagFile = (content: ReadonlyArray<Line>): string => content.map((line) => operation('', line)).join('')

/** The files under `tag-operations/`, by name. */
export const tagOperationFiles: Readonly<Record<string, string>> = {
  'base.yaml': tagFile(base),
  'ct-mr.yaml': tagFile(crossSections),
  'xray.yaml': tagFile(xray),
  'manufacturer-overrides/fabrikam.yaml': [
    '- manufacturer: "^fabrikam"\n  tags:\n',
    ...privateNumber.map((line) => operation('    ', line)),
  ].join(''),
}
