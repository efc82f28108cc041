// What both libraries ask of their host: hashing, signing, verifying and encrypting, by node:crypto and jose.
import { createHash, randomBytes, X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { clientAuthenticationAnonymous, setGlobalConfig } from '@openid4vc/oauth2'
import * as jose from 'jose'

// The sandbox listens on loopback without TLS; nothing else is allowed to.
setGlobalConfig({ allowInsecureUrls: true })

const NODE_HASHES = { 'sha-256': 'sha256', 'sha-384': 'sha384', 'sha-512': 'sha512', sha256: 'sha256' }

export const digest = (data, algorithm = 'sha-256') =>
  new Uint8Array(createHash(NODE_HASHES[algorithm.toLowerCase()]).update(data).digest())

/** A holder key pair: `alg` is ES256 or EdDSA. */
export async function holderKey(alg) {
  const { publicKey, privateKey } = await jose.generateKeyPair(alg, { extractable: true })
  return { alg, publicJwk: await jose.exportJWK(publicKey), privateJwk: await jose.exportJWK(privateKey) }
}

/** The did:jwk of a key pair, with the fragment of its one key. */
export const didUrl = ({ publicJwk }) => `did:jwk:${jose.base64url.encode(JSON.stringify(publicJwk))}#0`

/** The key of a certificate chain's leaf, after the chain was followed to a certificate of `caFile`. */
export function chainKey(x5c, caFile) {
  const chain = x5c.map((der) => new X509Certificate(Buffer.from(der, 'base64')))
  const anchors = readFileSync(caFile, 'utf8')
    .split(/(?=-----BEGIN CERTIFICATE-----)/)
    .filter((pem) => pem.includes('BEGIN'))
    .map((pem) => new X509Certificate(pem))
  chain.forEach((certificate, i) => {
    const signers = i + 1 < chain.length ? [chain[i + 1]] : anchors
    if (!signers.some((signer) => certificate.checkIssued(signer) && certificate.verify(signer.publicKey)))
      throw new Error(`certificate ${i} of the chain is signed by nobody known`)
  })
  return { key: chain[0].publicKey, names: chain[0].subjectAltName ?? '' }
}

export function callbacks({ keys = [], caFile }) {
  const keyOf = (signer) =>
    keys.find((key) => (signer.method === 'did' ? didUrl(key) === signer.didUrl : key.publicJwk.x === signer.publicJwk.x))
  return {
    hash: digest,
    generateRandom: (length) => new Uint8Array(randomBytes(length)),
    clientAuthentication: clientAuthenticationAnonymous(),
    signJwt: async (signer, { header, payload }) => {
      const key = keyOf(signer)
      const jwt = await new jose.SignJWT(payload).setProtectedHeader(header).sign(await jose.importJWK(key.privateJwk, key.alg))
      return { jwt, signerJwk: key.publicJwk }
    },
    verifyJwt: async (signer, { compact }) => {
      const key = signer.method === 'x5c' ? chainKey(signer.x5c, caFile).key : await jose.importJWK(signer.publicJwk, signer.alg)
      try {
        await jose.jwtVerify(compact, key, { algorithms: ['ES256', 'EdDSA'] })
        return { verified: true, signerJwk: await jose.exportJWK(key) }
      } catch {
        return { verified: false }
      }
    },
    encryptJwe: async (encryptor, data) => {
      const jwe = new jose.CompactEncrypt(new TextEncoder().encode(data)).setProtectedHeader({
        alg: encryptor.alg,
        enc: encryptor.enc,
        kid: encryptor.publicJwk.kid,
      })
      const info = (value) => (value ? jose.base64url.decode(value) : undefined)
      jwe.setKeyManagementParameters({ apu: info(encryptor.apu), apv: info(encryptor.apv) })
      const key = await jose.importJWK(encryptor.publicJwk, encryptor.alg)
      return { encryptionJwk: encryptor.publicJwk, jwe: await jwe.encrypt(key) }
    },
    decryptJwe: async () => ({ decrypted: false }),
    getX509CertificateMetadata: (certificate) => {
      const names = new X509Certificate(Buffer.from(certificate, 'base64')).subjectAltName?.split(', ') ?? []
      const of = (kind) => names.filter((name) => name.startsWith(kind)).map((name) => name.slice(kind.length))
      return { sanDnsNames: of('DNS:'), sanUriNames: of('URI:') }
    },
  }
}
