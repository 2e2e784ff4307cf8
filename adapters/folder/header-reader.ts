/** What the index keeps of a DICOM file's header: plain text, trimmed, '' when absent. Never printed. */
export interface IndexedHeader {
  readonly studyInstanceUid: string
  readonly sopInstanceUid: string
  readonly patientId: string
  readonly accessionNumber: string
}

/** What a file turned out to be. */
export type HeaderReading =
  | ({ readonly _tag: 'Header' } & IndexedHeader)
  | { readonly _tag: 'NotDicom' }
  | {
      readonly _tag: 'Damaged'
      /** What is wrong, in words of the program: never a value of the file. */
      readonly problem: string
      /** The study the file belongs to, '' when that cannot be told. */
      readonly studyInstanceUid: string
    }

/** Reads the header of one file; rejects only when the file cannot be read at all. */
export type ReadHeader = (path: string) => Promise<HeaderReading>
