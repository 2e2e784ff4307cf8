declare module 'unidecode' {
  /** ASCII for each character of a text, by the Text::Unidecode tables; '' for those not in them. */
  const unidecode: (text: string) => string
  export default unidecode
}
