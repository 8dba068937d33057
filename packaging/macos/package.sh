#!/bin/sh
# Makes dist/Satchel-VERSION.dmg of dist/Satchel.app: signed and notarized where an identity is
# named, else for this machine alone. Run `make bundle` first, on a Mac; see packaging/README.md.
#
#   SATCHEL_SIGN_AS   "Developer ID Application: NAME (TEAM)", as for `make bundle`
#   SATCHEL_NOTARY    the name under which `xcrun notarytool store-credentials` keeps an account
set -eu
cd "$(dirname "$0")/../.."
app=dist/Satchel.app

if [ "$(uname)" != Darwin ]; then
    echo "error: this has to run on a Mac." >&2
    exit 1
fi
if [ ! -d "$app" ]; then
    echo "error: $app is not there. Run make bundle first." >&2
    exit 1
fi
version=$(/usr/libexec/PlistBuddy -c 'Print :CFBundleShortVersionString' "$app/Contents/Info.plist")
image="dist/Satchel-$version.dmg"

if [ -n "${SATCHEL_SIGN_AS:-}" ]; then
    codesign --verify --deep --strict "$app"
fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cp -R "$app" "$work/"
ln -s /Applications "$work/Applications"
rm -f "$image"
hdiutil create -volname Satchel -srcfolder "$work" -format UDZO -ov "$image"

if [ -n "${SATCHEL_SIGN_AS:-}" ]; then
    codesign --sign "$SATCHEL_SIGN_AS" --timestamp "$image"
fi
if [ -n "${SATCHEL_NOTARY:-}" ]; then
    xcrun notarytool submit "$image" --keychain-profile "$SATCHEL_NOTARY" --wait
    xcrun stapler staple "$image"
    spctl --assess --type open --context context:primary-signature --verbose "$image"
fi
echo "$image"
