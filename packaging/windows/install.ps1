<#
.SYNOPSIS
Starts pimento's agent at logon: for this user, without administrators' rights.

.DESCRIPTION
Registers the task of pimento.xml, beside this script, through schtasks.exe, and starts it. Nothing
else is changed. `pimento service install` does the same.

.PARAMETER Program
The pimento.exe to start. Without it, the one that is found as `pimento`.

.PARAMETER Uninstall
Stops the agent and removes the task.
#>
[CmdletBinding()]
param(
    [string] $Program = (Get-Command pimento.exe -ErrorAction SilentlyContinue).Source,
    [switch] $Uninstall
)
Set-StrictMode -Version Latest
$ErrorActionPreference = 'Stop'
$Task = 'pimento'

function Invoke-Schtasks {
    & "$env:SystemRoot\System32\schtasks.exe" @args
    if ($LASTEXITCODE -ne 0) { throw "schtasks.exe $args ended with $LASTEXITCODE" }
}

if ($Uninstall) {
    Invoke-Schtasks /End /TN $Task
    Invoke-Schtasks /Delete /F /TN $Task
    return
}
if (-not $Program) { throw 'pimento.exe was not found; name it with -Program' }

$User = [Security.Principal.WindowsIdentity]::GetCurrent().User.Value
$Path = [Security.SecurityElement]::Escape((Resolve-Path -LiteralPath $Program).ProviderPath)
$Text = Get-Content -Raw -LiteralPath (Join-Path $PSScriptRoot 'pimento.xml')
$Text = $Text.Replace('@USER@', $User).Replace('@PROGRAM@', $Path)
# schtasks.exe reads UTF-16.
$File = New-TemporaryFile
try {
    Set-Content -LiteralPath $File -Value $Text -Encoding Unicode
    Invoke-Schtasks /Create /F /TN $Task /XML $File.FullName
} finally {
    Remove-Item -LiteralPath $File
}
Invoke-Schtasks /Run /TN $Task
