"""RSA keys, made anew for each run: no key lies in the repository."""

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

KEY = rsa.generate_private_key(65537, 2048)


def pem(
    key: rsa.RSAPrivateKey = KEY,
    form: PrivateFormat = PrivateFormat.PKCS8,
    encryption: KeySerializationEncryption | None = None,
) -> str:
    return key.private_bytes(Encoding.PEM, form, encryption or NoEncryption()).decode()


PRIVATE_KEY = pem()
PKCS1 = pem(form=PrivateFormat.TraditionalOpenSSL)
OPENSSH = pem(form=PrivateFormat.OpenSSH)
ENCRYPTED = pem(encryption=BestAvailableEncryption(b"a passphrase"))
ENCRYPTED_PKCS1 = pem(form=PrivateFormat.TraditionalOpenSSL, encryption=BestAvailableEncryption(b"a passphrase"))
TOO_SHORT = pem(rsa.generate_private_key(65537, 1024))
PUBLIC_KEY = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
