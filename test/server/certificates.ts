/**
 * Certificates for tests, made on the spot: X.509 in as little DER as servers and clients ask for.
 */
import { createPrivateKey, generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto';

export interface Identity {
  /** PEM. */
  readonly certificate: string;
  /** PEM. */
  readonly key: string;
}

export interface Authority extends Identity {
  /** Makes a certificate that this authority vouches for. */
  issue(name: string): Identity;
}

/** Makes a certificate authority of its own. */
export function anAuthority(name: string): Authority {
  const root = make(name, null);
  return { ...root, issue: (subject) => make(subject, { name, key: createPrivateKey(root.key) }) };
}

function make(name: string, issuer: { readonly name: string; readonly key: KeyObject } | null): Identity {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const body = sequence(
    tagged(0xa0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([0x40]), randomBytes(8)])), // serial number
    ECDSA_WITH_SHA256,
    commonName(issuer?.name ?? name),
    sequence(time('20200101000000Z'), time('20991231235959Z')),
    commonName(name),
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(0xa3, sequence(issuer === null ? IS_AUTHORITY : alternativeName())),
  );
  const signature = sign('sha256', body, issuer?.key ?? privateKey);
  const certificate = sequence(
    body,
    ECDSA_WITH_SHA256,
    der(0x03, Buffer.concat([Buffer.from([0]), signature])),
  );
  return {
    certificate: `-----BEGIN CERTIFICATE-----\n${certificate.toString('base64').replaceAll(/.{64}/g, '$&\n')}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function der(tag: number, ...parts: readonly Buffer[]): Buffer {
  const content = Buffer.concat(parts);
  const length =
    content.length < 128
      ? Buffer.from([content.length])
      : content.length < 256
        ? Buffer.from([0x81, content.length])
        : Buffer.from([0x82, content.length >> 8, content.length & 255]);
  return Buffer.concat([Buffer.from([tag]), length, content]);
}

const sequence = (...parts: readonly Buffer[]): Buffer => der(0x30, ...parts);
const tagged = der;
const integer = (value: Buffer): Buffer => der(0x02, value);
const oid = (...bytes: readonly number[]): Buffer => der(0x06, Buffer.from(bytes));
const time = (text: string): Buffer => der(0x18, Buffer.from(text));

/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = sequence(oid(0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x02));
const commonName = (name: string): Buffer =>
  sequence(der(0x31, sequence(oid(0x55, 0x04, 0x03), der(0x0c, Buffer.from(name)))));
/** Basic constraints, critical: a certificate authority. */
const IS_AUTHORITY = sequence(
  oid(0x55, 0x1d, 0x13),
  der(0x01, Buffer.from([0xff])),
  der(0x04, sequence(der(0x01, Buffer.from([0xff])))),
);
/** The names a server certificate is good for: `localhost` and 127.0.0.1. */
const alternativeName = (): Buffer =>
  sequence(
    oid(0x55, 0x1d, 0x11),
    der(0x04, sequence(der(0x82, Buffer.from('localhost')), der(0x87, Buffer.from([127, 0, 0, 1])))),
  );
