; How Inno Setup 6.3 or newer makes the installer for Windows of dist\satchel.
; packaging/README.md has the steps: iscc /DVersion=X.Y.Z packaging\windows\satchel.iss

#ifndef Version
  #error Give the version: iscc /DVersion=X.Y.Z satchel.iss
#endif
#define Bundle "..\..\dist\satchel"
#define Id "io.github.satchel.Satchel"

[Setup]
; The number is for ever: by it a newer version is installed over an older one.
AppId={{6C7F9D52-3B0E-4C43-9B0C-5D0B8E0C6A57}
AppName=Satchel
AppVersion={#Version}
VersionInfoVersion={#Version}
AppPublisher=The Satchel authors
; For this account alone, in %LOCALAPPDATA%\Programs: asks for no administrator.
PrivilegesRequired=lowest
DefaultDirName={autopf}\Satchel
DisableProgramGroupPage=yes
ArchitecturesAllowed=x64compatible
ArchitecturesInstallIn64BitMode=x64compatible
MinVersion=10.0.17763
LicenseFile=..\..\LICENSE
SetupIconFile=..\..\build\satchel.ico
UninstallDisplayIcon={app}\satchelw.exe
OutputDir=..\..\dist
OutputBaseFilename=satchel-{#Version}-setup
Compression=lzma2/max
SolidCompression=yes
; A running Satchel is closed before its files are replaced.
CloseApplications=yes
RestartApplications=no
; With signtool set up in the compiler (README), the uninstaller is signed as well.
#ifdef Sign
SignTool=satchel
SignedUninstaller=yes
#endif

[InstallDelete]
; What an older version had and this one has not.
Type: filesandordirs; Name: "{app}\_internal"

[Files]
Source: "{#Bundle}\*"; DestDir: "{app}"; Flags: recursesubdirs createallsubdirs ignoreversion

[Icons]
Name: "{autoprograms}\Satchel"; Filename: "{app}\satchelw.exe"; AppUserModelID: "{#Id}"

[Registry]
; Satchel writes this value where it is asked to start with the session.
Root: HKCU; Subkey: "Software\Microsoft\Windows\CurrentVersion\Run"; ValueType: none; ValueName: "{#Id}"; Flags: dontcreatekey uninsdeletevalue

[Run]
Filename: "{app}\satchelw.exe"; Description: "{cm:LaunchProgram,Satchel}"; Flags: nowait postinstall skipifsilent

[Code]
procedure CurUninstallStepChanged(Step: TUninstallStep);
var
  Code: Integer;
begin
  if Step <> usUninstall then
    exit;
  { The answer of a silent uninstallation is the last argument: everything stays. }
  if SuppressibleMsgBox('Delete what Satchel keeps for you as well: the index, conversations, '
      + 'settings and models? Files that were indexed stay as they are either way.',
      mbConfirmation, MB_YESNO or MB_DEFBUTTON2, IDNO) <> IDYES then
    exit;
  if not Exec(ExpandConstant('{app}\satchel.exe'), 'remove-data --yes --models', '', SW_HIDE,
      ewWaitUntilTerminated, Code) or (Code <> 0) then
    SuppressibleMsgBox('Not all of it could be deleted. What is left lies in '
      + ExpandConstant('{localappdata}\satchel') + '.', mbError, MB_OK, IDOK);
end;
